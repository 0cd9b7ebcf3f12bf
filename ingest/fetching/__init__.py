"""Fetching: asks publishers over HTTP, politely, and leaves files for the readers behind.

The law of this part of the room: every request names us, keeps the host's pace and is bounded in
time and size; what came is written aside and renamed when it is whole; a key is in no message,
log or address. Whether the bytes are what the contract describes is judged by the readers.
"""
