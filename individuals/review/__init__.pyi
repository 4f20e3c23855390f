from .queue import ReviewPair as ReviewPair
from .queue import review_queue as review_queue
from .regroup import regroup as regroup
from .regroup import with_answers as with_answers
from .sheet import Answers as Answers
from .sheet import GivenAnswer as GivenAnswer
from .sheet import read_review_answers as read_review_answers
from .sheet import write_review_sheet as write_review_sheet
