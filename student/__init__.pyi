from .features import FEATURE_NAMES as FEATURE_NAMES
from .features import sound_features as sound_features
from .hearing import StudentHearing as StudentHearing
from .network import create_student as create_student
from .student import Student as Student
