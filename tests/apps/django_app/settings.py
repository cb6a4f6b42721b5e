"""Settings of a small Django project as it would be deployed: DEBUG is off, CSRF is on, there is a database."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = "not a secret"  # of a test
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "test"]
ROOT_URLCONF = "django_app.urls"
USE_TZ = True

INSTALLED_APPS = ["django.contrib.sessions", "django.contrib.messages", "django_app"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_app.middleware.mark_kind",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"context_processors": ["django.contrib.messages.context_processors.messages"]},
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["DATABASE"],
        # Writers of several threads take turns.
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Uploads beyond this go through temporary files.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
