"""What the project keeps in its database."""

from __future__ import annotations

from django.db import models


class Note(models.Model):
    author = models.CharField(max_length=40)
    text = models.TextField()


class Tally(models.Model):
    name = models.CharField(max_length=40, unique=True)
    count = models.IntegerField(default=0)
