"""Layers: functions of whole sequences, and what combines them."""

from rnnjax.layers.bridges import Bridge, copy_bridge, dense_bridge
from rnnjax.layers.candidate_dropout import candidate_dropout
from rnnjax.layers.captioner import captioner
from rnnjax.layers.causal import causal_layer, pointwise
from rnnjax.layers.chunked import chunked_bidirectional, read_chunk
from rnnjax.layers.convolution import causal_convolution
from rnnjax.layers.copying import bind_source, copying
from rnnjax.layers.dense import dense
from rnnjax.layers.dilated import dilated, dilated_stack
from rnnjax.layers.dropout import dropout, locked_dropout
from rnnjax.layers.encoder_decoder import Encoded, EncoderDecoder, encoder_decoder
from rnnjax.layers.ensemble import (
    ensemble,
    mean_of_log_probs,
    mean_of_probabilities,
)
from rnnjax.layers.handwriting import (
    bind_text,
    handwriting,
    steps_to_end,
    window_weights,
)
from rnnjax.layers.language_model import language_model
from rnnjax.layers.layer_norm import layer_norm
from rnnjax.layers.memory_rows import memory_rows
from rnnjax.layers.merging import average, concatenate, keep_apart
from rnnjax.layers.pointer import pointer
from rnnjax.layers.pointer_network import pointer_network
from rnnjax.layers.pooling import (
    first_step,
    last_read,
    last_step,
    max_pool,
    mean_pool,
)
from rnnjax.layers.question_reader import question_reader
from rnnjax.layers.readers import Reader, plain_reader
from rnnjax.layers.recognizer import Recognized, Recognizer, recognizer
from rnnjax.layers.recurrent import bidirectional, recurrent
from rnnjax.layers.sample_level import SampleLevelCarry, sample_level
from rnnjax.layers.sample_tiers import bind_labels
from rnnjax.layers.shortcuts import highway, residual, skip_to_output
from rnnjax.layers.speaker import SpeakerFunctions, Spoken, speaker
from rnnjax.layers.spelling import Spelling, spelling
from rnnjax.layers.spelling_convolution import spelling_convolution
from rnnjax.layers.stack import stack
from rnnjax.layers.subsampling import stack_steps
from rnnjax.layers.take_once import take_once
from rnnjax.layers.tokens import embed, embedding_lookup, one_hot
from rnnjax.layers.variational_dropout import variational_dropout
from rnnjax.layers.weight_drop import weight_drop
from rnnjax.layers.zoneout import zoneout

__all__ = [
    "Bridge",
    "Encoded",
    "EncoderDecoder",
    "Reader",
    "Recognized",
    "Recognizer",
    "SampleLevelCarry",
    "SpeakerFunctions",
    "Spelling",
    "Spoken",
    "average",
    "bidirectional",
    "bind_labels",
    "bind_source",
    "bind_text",
    "candidate_dropout",
    "captioner",
    "causal_convolution",
    "causal_layer",
    "chunked_bidirectional",
    "concatenate",
    "copy_bridge",
    "copying",
    "dense",
    "dense_bridge",
    "dilated",
    "dilated_stack",
    "dropout",
    "embed",
    "embedding_lookup",
    "encoder_decoder",
    "ensemble",
    "first_step",
    "handwriting",
    "highway",
    "keep_apart",
    "language_model",
    "last_read",
    "last_step",
    "layer_norm",
    "locked_dropout",
    "max_pool",
    "mean_of_log_probs",
    "mean_of_probabilities",
    "mean_pool",
    "memory_rows",
    "one_hot",
    "plain_reader",
    "pointer",
    "pointer_network",
    "pointwise",
    "question_reader",
    "read_chunk",
    "recognizer",
    "recurrent",
    "residual",
    "sample_level",
    "skip_to_output",
    "speaker",
    "spelling",
    "spelling_convolution",
    "stack",
    "stack_steps",
    "steps_to_end",
    "take_once",
    "variational_dropout",
    "weight_drop",
    "window_weights",
    "zoneout",
]
