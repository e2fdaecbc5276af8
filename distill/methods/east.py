"""EAST-like: learn from one random observation ratio a clip, and from the whole clip (Sović et al., EAST, ICLR 2026).

    L = −log p_r(y) − w log p_N(y),   r drawn evenly from 1 … N for every clip and step of training

Confirmed (abstract): one model for all ratios by drawing the moment that separates what is observed from what is not,
and joint learning on the observed part and on the whole ("oracle"), of which an encoder alone profits. Not confirmed
(only the abstract was open to us): one classifier for both, w = 1, every ratio equally likely. Left out, since it needs
a video transformer: token masking and the decoder that forecasts; here the encoder is the GRU over segment features.
"""

import torch.nn.functional as F

from distill.losses import Losses, labelled_mean
from distill.method import Lesson, Method, student_hidden
from distill.models import Outputs
from manifests.recipes.recipe import Recipe


def _loss(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    batch, steps, _ = outputs.logits.shape[-3:]
    drawn = (lesson.draw(batch) * steps).long()  # (M, B), from 0
    true = lesson.labels[..., None, None].expand(*outputs.logits.shape[:-1], 1)
    surprise = -F.log_softmax(outputs.logits, -1).gather(-1, true).squeeze(-1)  # (M, B, N)
    terms = {
        "observed": labelled_mean(surprise.gather(-1, drawn[..., None]).squeeze(-1), lesson.labelled),
        "oracle": labelled_mean(surprise[..., -1], lesson.labelled),
    }
    return Losses(terms["observed"] + recipe.east.oracle * terms["oracle"], terms)


EAST = Method("EAST-like", "gru", student_hidden, _loss, settings="east")
