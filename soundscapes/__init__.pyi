from .classifier import SoundClassifier as SoundClassifier
