"""What the language models share: flags, truncated backpropagation, evaluation."""
