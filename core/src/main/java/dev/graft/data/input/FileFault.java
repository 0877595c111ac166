package dev.graft.data.input;

import java.io.Serial;

/// What makes a whole file unreadable; the message is the rest of a sentence that begins with the file.
final class FileFault extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    FileFault(String reason) {
        super(reason);
    }

    FileFault(String reason, Throwable cause) {
        super(reason, cause);
    }
}
