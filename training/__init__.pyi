from .callbacks import RetrievalValidation as RetrievalValidation
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate_encoder as evaluate_encoder
from .fit import TrainedEncoder as TrainedEncoder
from .fit import train_encoder as train_encoder
from .losses import TripletLoss as TripletLoss
from .triplet_model import create_triplet_model as create_triplet_model
