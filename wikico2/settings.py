"""Settings of WikiCO2, read from the environment and from `.env`; `.env.example` explains each."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import dj_database_url
import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from dotenv import load_dotenv

from wikico2 import env
from wikico2.launcher.services import published_addresses

django_stubs_ext.monkeypatch()  # so that Django's generic classes can be subscripted

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")
env.refuse_unknown(BASE_DIR / ".env")
# Set by the containers: nothing that others could guess or reach is left to a default.
PRODUCTION = env.boolean("PRODUCTION", False)
if PRODUCTION:
    env.refuse_missing(["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"])

VAR_DIR = Path(env.text("WIKICO2_VAR", str(BASE_DIR / "var"))).resolve()


def _secret_key() -> str:
    """Return SECRET_KEY, or a random one stored under `var/` so that sessions survive a restart."""
    given = env.text("SECRET_KEY")
    if given:
        return given
    file = VAR_DIR / "secret-key"
    if not file.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        fresh = hashlib.sha256(os.urandom(64)).hexdigest()
        temporary = file.with_name(f"secret-key.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(fresh)
        with contextlib.suppress(FileExistsError):  # another process was first: use its key
            os.link(temporary, file)
        temporary.unlink()
    return file.read_text().strip()


DEBUG = env.boolean("DEBUG", False)
if DEBUG and PRODUCTION:
    env.refuse("DEBUG", "must be false with PRODUCTION=true")
SECRET_KEY = _secret_key()
# The site always answers to the names of its own machine, by which its health is checked.
ALLOWED_HOSTS = [*env.items("ALLOWED_HOSTS", ["*"]), "localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
PUBLIC_SITE = env.boolean("PUBLIC_SITE", True)
SHOW_DRAFTS = env.boolean("SHOW_DRAFTS", True)
ANONYMOUS_SUGGESTIONS = env.boolean("ANONYMOUS_SUGGESTIONS", PUBLIC_SITE)
# Whether readers without an account see the current version of a sheet, or the last validated one.
SHOW_UNVALIDATED = env.boolean("SHOW_UNVALIDATED", True)
REVIEW_MONTHS = env.integer("REVIEW_MONTHS", 12, least=0)
DELETED_DAYS = env.integer("DELETED_DAYS", 30, least=1)
AUDIT_DAYS = env.integer("AUDIT_DAYS", 730, least=0)
SUGGESTIONS_PER_HOUR = env.integer("SUGGESTIONS_PER_HOUR", 10, least=1)
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 300, least=1)

INSTALLED_APPS = [
    "wikico2.apps.WikiCO2Config",
    "ingestion.apps.IngestionConfig",
    "sheets.apps.SheetsConfig",
    "api.apps.ApiConfig",
    "wikico2.apps.WikiAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "ninja",
    "django_htmx",
    "django_prose_editor",  # for the modules of the editor, in its static files
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "wikico2.middleware.ContentSecurityPolicyMiddleware",
    "api.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "wikico2.accounts.audit.AuditOriginMiddleware",
    "sheets.views.returned_text.ReturnTextMiddleware",
    "wikico2.middleware.WellFormedMiddleware",
    "wikico2.middleware.SecondFactorMiddleware",
    "wikico2.middleware.PrivateSiteMiddleware",
    "wikico2.middleware.FirstPasswordMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sheets.middleware.FormerAddressMiddleware",
]

ROOT_URLCONF = "wikico2.urls"
WSGI_APPLICATION = "wikico2.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "wikico2.context_processors.site",
            ],
        },
    },
]

# --- Data ------------------------------------------------------------------------------------

# Addresses of the services that `manage.py up` runs over VAR_DIR, for other commands.
_SERVICES = published_addresses(VAR_DIR)


def _service(name: str, default: str) -> str:
    return env.text(name) or _SERVICES.get(name, default)


_PORT = env.integer("PORT", 8000, least=1, most=65535)
SITE_URL = env.web_address("SITE_URL", _service("SITE_URL", f"http://localhost:{_PORT}"))
DATABASE_URL = _service("DATABASE_URL", "postgresql://wikico2@localhost:5432/wikico2")
DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)
}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// address.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHROMA_HOST = _service("CHROMA_HOST", "127.0.0.1")
CHROMA_PORT = env.integer(
    "CHROMA_PORT", int(_SERVICES.get("CHROMA_PORT", 8001)), least=1, most=65535
)
CHROMA_SSL = env.boolean("CHROMA_SSL", False)
CHROMA_TOKEN = env.text("CHROMA_TOKEN")

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# --- Files -----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = env.text("MEDIA_URL", "/media/")
MEDIA_ROOT = VAR_DIR / "media"
S3_BUCKET = env.text("S3_BUCKET")
S3_OPTIONS = {
    "bucket_name": S3_BUCKET,
    "endpoint_url": env.text("S3_ENDPOINT_URL") or None,
    "region_name": env.text("S3_REGION") or None,
    "access_key": env.text("S3_ACCESS_KEY") or None,
    "secret_key": env.text("S3_SECRET_KEY") or None,
    "default_acl": None,
    "querystring_auth": True,
    "file_overwrite": False,
}
STORAGES = {
    "default": (
        {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": S3_OPTIONS}
        if S3_BUCKET
        else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    ),
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
MAX_UPLOAD_MB = env.integer("MAX_UPLOAD_MB", 100, least=1)
MAX_FILES_PER_UPLOAD = env.integer("MAX_FILES_PER_UPLOAD", 50, least=1)
MAX_ARCHIVE_FILES = env.integer("MAX_ARCHIVE_FILES", 500, least=1)
MAX_ARCHIVE_MB = env.integer("MAX_ARCHIVE_MB", 500, least=1)
FETCH_SECONDS = env.integer("FETCH_SECONDS", 120, least=1)
FETCH_PRIVATE_HOSTS = [h.lower() for h in env.items("FETCH_PRIVATE_HOSTS")]
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_FILES_PER_UPLOAD
FILE_UPLOAD_PERMISSIONS = 0o640

# Where a backup is made every day at BACKUP_HOUR: a folder or s3://bucket/prefix; empty: none.
BACKUP_TO = env.text("BACKUP_TO")
BACKUP_HOUR = env.integer("BACKUP_HOUR", 3, most=23)
BACKUP_DAYS = env.integer("BACKUP_DAYS", 30, least=1)

# --- Reading documents -------------------------------------------------------------------------

CHUNK_SIZE = env.integer("CHUNK_SIZE", 900, least=200)
CHUNK_OVERLAP = env.integer("CHUNK_OVERLAP", 120)
READ_MEMORY_MB = env.integer("READ_MEMORY_MB", 700, least=200)
READ_SECONDS = env.integer("READ_SECONDS", 300, least=5)
READ_MAX_PAGES = env.integer("READ_MAX_PAGES", 5000, least=1)
READ_MAX_CHARACTERS = env.integer("READ_MAX_CHARACTERS", 30_000_000, least=1_000)

# --- Models ------------------------------------------------------------------------------------

AI_BASE_URL = env.text("AI_BASE_URL", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1")
AI_API_KEY = env.text("OVH_API_KEY")
_BACKEND = "openai" if AI_API_KEY else "local"
EMBEDDING_BACKEND = env.choice("EMBEDDING_BACKEND", ("openai", "local"), _BACKEND)
LLM_BACKEND = env.choice("LLM_BACKEND", ("openai", "local"), _BACKEND)
# How a model fills a sheet: it quotes sentences by their numbers, or writes its own.
_WRITINGS = {"citer": "quote", "rédiger": "write", "rediger": "write"}
LLM_WRITING = _WRITINGS[env.choice("LLM_WRITING", tuple(_WRITINGS), "citer")]
LLM_MODEL = env.text("LLM_MODEL", "Mixtral-8x7B-Instruct-v0.1")
JUDGE_MODEL = env.text("JUDGE_MODEL", LLM_MODEL)
JUDGE_BACKEND = env.choice("JUDGE_BACKEND", ("openai", "none"), "openai" if AI_API_KEY else "none")
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL", "bge-multilingual-gemma2")
LOCAL_EMBEDDING_MODEL = env.choice(
    "LOCAL_EMBEDDING_MODEL",
    ("multilingual-e5-small", "universal-sentence-encoder-multilingual"),
    "multilingual-e5-small",
)
VISION_MODEL = env.text("VISION_MODEL", "Mistral-Small-3.2-24B-Instruct-2506")
# OCR of pages without text: the model, or Tesseract where it is installed.
_OCR_BACKEND = "openai" if AI_API_KEY else "tesseract" if shutil.which("tesseract") else "none"
VISION_BACKEND = env.choice("VISION_BACKEND", ("openai", "tesseract", "none"), _OCR_BACKEND)
VISION_FIGURES = env.boolean("VISION_FIGURES", True)
VISION_MAX_IMAGES = env.integer("VISION_MAX_IMAGES", 60)
VISION_MAX_TOKENS = env.integer("VISION_MAX_TOKENS", 3000, least=64)
VISION_AT_ONCE = env.integer("VISION_AT_ONCE", 4, least=1)
VISION_PRICE_IN = env.number("VISION_PRICE_IN", 0.0)
VISION_PRICE_OUT = env.number("VISION_PRICE_OUT", 0.0)
AI_REQUESTS_PER_MINUTE = env.integer("AI_REQUESTS_PER_MINUTE", 400)
AI_TIMEOUT = env.number("AI_TIMEOUT", 60.0, least=0.1)
AI_RETRIES = env.integer("AI_RETRIES", 5)
AI_BACKOFF_SECONDS = env.number("AI_BACKOFF_SECONDS", 60.0)
SEARCH_WAIT_SECONDS = env.number("SEARCH_WAIT_SECONDS", 3.0, least=0.1)
EMBEDDING_BATCH = env.integer("EMBEDDING_BATCH", 32, least=1)
EMBEDDING_REQUESTS_AT_ONCE = env.integer("EMBEDDING_REQUESTS_AT_ONCE", 4, least=1)
EMBEDDING_DIMENSIONS = env.integer("EMBEDDING_DIMENSIONS", 0)
LLM_TEMPERATURE = env.number("LLM_TEMPERATURE", 0.1)
LLM_MAX_TOKENS = env.integer("LLM_MAX_TOKENS", 2000, least=64)
KEEP_BROKEN_STATEMENTS = env.boolean("KEEP_BROKEN_STATEMENTS", False)
SHEET_EMOJI = env.boolean("SHEET_EMOJI", True)
LLM_PASSAGE_TOKENS = env.integer("LLM_PASSAGE_TOKENS", 6000, least=500)
LLM_SECTIONS_AT_ONCE = env.integer("LLM_SECTIONS_AT_ONCE", 12, least=1)
LLM_PRICE_IN = env.number("LLM_PRICE_IN", 0.0)
LLM_PRICE_OUT = env.number("LLM_PRICE_OUT", 0.0)
LLM_CURRENCY = env.text("LLM_CURRENCY", "€")
LLM_TOKENS_PER_DAY = env.integer("LLM_TOKENS_PER_DAY", 0)

# --- The queue ---------------------------------------------------------------------------------

# A task stops after TASK_SLICE_SECONDS and queues the next slice, so that several long documents
# progress at the same time. A lease is longer than the longest time between two renewals of a live
# worker; when it expires, the task of a dead worker is queued again.
TASK_SLICE_SECONDS = env.integer("TASK_SLICE_SECONDS", 30, least=1)
LEASE_SECONDS = env.integer("LEASE_SECONDS", 90, least=2)
WORKERS = env.integer("WORKERS", 2, least=1)
TASK_TIMEOUT = env.integer("TASK_TIMEOUT", 900, least=10)
TASK_RETRY = env.integer("TASK_RETRY", 1000, least=11)
Q_CLUSTER = {
    "name": "wikico2",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "timeout": TASK_TIMEOUT,
    "retry": TASK_RETRY,
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,
    "recycle": 200,
    "save_limit": 500,
    "poll": 0.3,
    "guard_cycle": 0.5,
    "label": _("Queue"),
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# --- Accounts and language -----------------------------------------------------------------------

AUTH_USER_MODEL = "wikico2.User"
AUTHENTICATION_BACKENDS = ["wikico2.accounts.backend.Backend"]
SESSION_ENGINE = "wikico2.accounts.session_store"
# Failed sign-ins of one account, and of one network address, after which each further one has to
# wait twice as long; and after which it is locked for so many minutes.
SIGN_IN_SLOWED_AFTER = env.integer("SIGN_IN_SLOWED_AFTER", 3, least=1)
SIGN_IN_LOCKED_AFTER = env.integer("SIGN_IN_LOCKED_AFTER", 10, least=2)
SIGN_IN_ADDRESS_FACTOR = env.integer("SIGN_IN_ADDRESS_FACTOR", 5, least=1)
SIGN_IN_LOCK_MINUTES = env.integer("SIGN_IN_LOCK_MINUTES", 15, least=1)
# Whose accounts have to set up a second factor; everybody else may.
SECOND_FACTOR_FOR = env.choice(
    "SECOND_FACTOR_FOR", ("nobody", "administrators", "curators", "everyone"), "nobody"
)
# OpenID Connect: an organisation's own accounts.
OIDC_ISSUER = env.text("OIDC_ISSUER").rstrip("/")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME")
OIDC_ROLE_CLAIM = env.text("OIDC_ROLE_CLAIM")
OIDC_ROLES = env.items("OIDC_ROLES")
# Of django-allauth only the parts below are used, under pages and sign-in forms of our own.
MFA_ADAPTER = "wikico2.accounts.second_factor.EncryptingAdapter"
MFA_TOTP_ISSUER = "WikiCO2"
MFA_TOTP_TOLERANCE = 1  # the code before and the one after, for clocks that differ
SOCIALACCOUNT_ADAPTER = "wikico2.account_pages.organisation.OrganisationAdapter"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
INVITATION_DAYS = env.integer("INVITATION_DAYS", 7, least=1)
PASSWORD_RESET_TIMEOUT = 4 * 3600
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "wikico2.formats"
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

# --- E-mail ------------------------------------------------------------------------------------

# Without a server no e-mail is sent: notifications are then only listed on the site.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, least=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "wikico2@localhost")

# --- Security ------------------------------------------------------------------------------------

CSRF_FAILURE_VIEW = "sheets.views.returned_text.csrf_failure"
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("BEHIND_HTTPS_PROXY", False) else None
)
# Behind HTTPS cookies go over nothing else, and to no other host; browsers remember it for a year.
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # the site shows its own PDF files in frames
_HTTPS = SECURE_PROXY_SSL_HEADER is not None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
if _HTTPS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_SUBDOMAINS", True)
    SECURE_HSTS_PRELOAD = SECURE_HSTS_INCLUDE_SUBDOMAINS
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
else:
    # What `check --deploy` says of plain HTTP; `wikico2.checks` refuses that beyond this machine.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]

METRICS_TOKEN = env.text("METRICS_TOKEN")
LOG_FORMAT = env.choice("LOG_FORMAT", ("line", "json"), "line")
_DATABASE_PASSWORD = str(DATABASES["default"].get("PASSWORD") or "")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        kind: {"()": f"wikico2.logs.{name}", "secrets": [SECRET_KEY, _DATABASE_PASSWORD]}
        for kind, name in {"line": "LineFormatter", "json": "JsonFormatter"}.items()
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", _LEVELS, "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
