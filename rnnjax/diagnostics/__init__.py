"""What happens inside a recurrent network: gradients, Jacobians, gates, blow-ups."""
