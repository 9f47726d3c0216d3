"""The four movements in playing order."""

from deploy.demo.score import Movement
from deploy.demo.sections.calm import CALM
from deploy.demo.sections.joyful import JOYFUL
from deploy.demo.sections.sorrowful import SORROWFUL
from deploy.demo.sections.tense import TENSE

MOVEMENTS: tuple[Movement, ...] = (CALM, JOYFUL, TENSE, SORROWFUL)
