"""The Celery application and everything between a stored file and an assessment row."""
