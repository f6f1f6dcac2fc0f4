"""What several systems quote: repositories that hold more than one of them."""

import functools

from ser_lib.systems.base import Published

MULTIMODAL = r"""@misc{maelfabien2019multimodal,
  author = {{maelfabien and contributors}},
  title  = {Multimodal Emotion Recognition},
  year   = {2019},
  note   = {Repository maelfabien/Multimodal-Emotion-Recognition, folder 01-Audio}
}"""

SPEECH_EMO_RECOGNITION = r"""@misc{ng2020ser,
  author = {{samsudinng}},
  title  = {Speech emotion recognition framework with {PyTorch}},
  year   = {2020},
  note   = {Repository samsudinng/speech\_emo\_recognition}
}"""

RANDOM_SPLIT = "random 80/20 split by file, so that every test speaker is also a training speaker"
CALM_AS_NEUTRAL = "RAVDESS without its neutral recordings; what is called neutral is calm"
ravdess_accuracy = functools.partial(
    Published, metric="wa", corpus="ravdess", classes=7, speaker_disjoint=False
)
"""An accuracy of maelfabien/Multimodal-Emotion-Recognition."""

CHOSEN_ON_DEVELOPMENT = (
    "Chosen on development speakers of EmoDB, under one training seed: {choices}."
)
TRIMMED = (
    "What precedes and follows the voice is cut off; as published, recordings are read with their "
    "silence, which is two fifths of RAVDESS."
)
SIMILAR_LENGTH = (
    "A batch holds recordings of similar length, so that little is padded; as published, all are "
    "of one length, and batches are drawn at random."
)
UNTRIMMED = (
    "Recordings are read whole, as the toolkit reads them, where other systems cut off what "
    "precedes and follows the voice: `ours_discriminant` with `trim` False is read so, too."
)
ALL_EPOCHS = (
    "The default variant runs all its epochs and trains on the development speakers as well; as "
    "published, the epoch is chosen by their UAR, where the original {original}."
)
TORCH_LAYERS = (
    "Weights start from Glorot's uniform distribution and biases from zero, and 1e-7 keeps Adam's "
    "quotients finite; in the original PyTorch's defaults, of Adam 1e-8 (both variants)."
)
KERAS_2_GATES = (
    "The gates of the LSTM are sigmoid functions; in the Keras 2 of the original they are 0.2 x + "
    "0.5 between 0 and 1 (both variants)."
)
KERAS_2_MASKS = (
    "One mask drops the inputs of all gates of the LSTM; in the Keras 2 of the original each gate "
    "has its own (both variants)."
)
REVERBERATION = (
    "The reverberation of the kind `lognrevspec` is noise that decays exponentially, convolved "
    "with the recording; the original applies the effect of a sound editor (both variants)."
)
