from .encoder import create_fused_encoder as create_fused_encoder
from .encoder import load_encoder as load_encoder
from .front_ends.audio_sequence import extract_audio_sequence as extract_audio_sequence
from .front_ends.log_mel_features import LogMelFeatures as LogMelFeatures
from .front_ends.yamnet import load_yamnet as load_yamnet
from .front_ends.yamnet_network import create_yamnet as create_yamnet
from .image_branch import IMAGE_BACKBONES as IMAGE_BACKBONES
