"""The paper's teacher (section 2.1): a BiGRU on whole sequences, trained with cross-entropy (Eq. 3) at every segment.

It is no method for early recognition, because its output after segment n depends on all N segments. A clip with fewer
segments has zeros after its last one, and the teacher reads them too: it may know the length of the clip.
"""

from distill.method import Method, teacher_size
from distill.methods.without_distillation import WITHOUT

TEACHER = Method(
    title="Teacher (sees the whole action)",
    network="bigru",
    hidden=teacher_size,
    loss=WITHOUT.loss,
    takes_lengths=True,
    takes_drawn_ratios=True,
)
