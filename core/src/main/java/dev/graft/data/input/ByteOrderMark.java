package dev.graft.data.input;

import java.io.IOException;
import java.io.InputStream;

/// The bytes by which some programs mark the encoding at the start of a text.
final class ByteOrderMark {

    private ByteOrderMark() {}

    /// Passes over the mark of UTF-8 and refuses those of UTF-16.
    static void pass(InputStream in) throws IOException {
        in.mark(3);
        byte[] begin = in.readNBytes(3);
        if (begin.length == 3 && begin[0] == (byte) 0xEF && begin[1] == (byte) 0xBB && begin[2] == (byte) 0xBF) {
            return;
        }
        if (begin.length >= 2
                && (begin[0] == (byte) 0xFE && begin[1] == (byte) 0xFF
                        || begin[0] == (byte) 0xFF && begin[1] == (byte) 0xFE)) {
            throw new FileFault("is UTF-16 text (its byte order mark says so); save it as UTF-8");
        }
        in.reset();
    }
}
