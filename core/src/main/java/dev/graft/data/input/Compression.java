package dev.graft.data.input;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;

/// Files as streams of what is in them: gzip and Zstandard are told by their first bytes, not by the name.
final class Compression {
    private static final int BUFFER = 1 << 16;

    private Compression() {}

    static InputStream open(InputStream file) throws IOException {
        InputStream in = new BufferedInputStream(file, BUFFER);
        try {
            in.mark(4);
            byte[] begin = in.readNBytes(4);
            in.reset();
            if (begin.length >= 2 && begin[0] == 0x1F && begin[1] == (byte) 0x8B) {
                return new GZIPInputStream(in, BUFFER);
            }
            if (begin.length == 4
                    && begin[0] == 0x28
                    && begin[1] == (byte) 0xB5
                    && begin[2] == 0x2F
                    && begin[3] == (byte) 0xFD) {
                return new ZstdInputStreamNoFinalizer(in);
            }
            return in;
        } catch (IOException e) {
            in.close();
            throw e;
        }
    }
}
