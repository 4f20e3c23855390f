from .augmentation.augmentation import Augmentation as Augmentation
from .classifier import SoundClassifier as SoundClassifier
from .clip_scale import ClipScale as ClipScale
from .mel_settings import MelSettings as MelSettings
from .pcen import Pcen as Pcen
from .spectrogram import MelSpectrogram as MelSpectrogram
from .spectrogram import mel_front_end as mel_front_end
