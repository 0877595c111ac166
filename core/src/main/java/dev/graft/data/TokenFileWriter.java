package dev.graft.data;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/// Writes a [TokenFile] row by row beside its place and renames it when it is whole, so that a reader never
/// sees part of one and two writers do not disturb each other.
final class TokenFileWriter implements Closeable {
    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private final CRC32C crc = new CRC32C();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    private long written;
    private int rows;
    private long[] offsets = new long[1024];
    private int[] entries = new int[4 * 1024]; // number, length, flags, reason
    private final List<String> reasons = new ArrayList<>();

    TokenFileWriter(Path target) {
        this.target = target;
        this.temporary = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            Files.createDirectories(target.getParent());
            channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    void add(int number, LabelledTokens tokens, boolean windowed) {
        if (rows == offsets.length) {
            offsets = Arrays.copyOf(offsets, rows * 2);
            entries = Arrays.copyOf(entries, 4 * rows * 2);
        }
        offsets[rows] = written;
        entries[4 * rows] = number;
        entries[4 * rows + 1] = tokens.length();
        entries[4 * rows + 2] = (tokens.fused() ? TokenFile.FUSED : 0)
                | (windowed ? TokenFile.WINDOWED : 0)
                | (tokens.nothing().isEmpty() ? 0 : TokenFile.NOTHING);
        entries[4 * rows + 3] = tokens.nothing().isEmpty() ? 0 : reason(tokens.nothing());
        rows++;
        for (int id : tokens.ids()) {
            putInt(id);
        }
        boolean[] labels = tokens.labels();
        for (int from = 0; from < labels.length; from += 32) {
            int bits = 0;
            for (int i = from; i < Math.min(labels.length, from + 32); i++) {
                bits |= labels[i] ? 1 << (i - from) : 0;
            }
            putInt(bits);
        }
    }

    private int reason(String nothing) {
        String line = nothing.replace('\n', ' ');
        if (!reasons.contains(line)) {
            reasons.add(line);
        }
        return reasons.indexOf(line);
    }

    /// Puts the whole file in its place.
    ///
    /// @param note  one line
    void finish(String note) {
        long index = written;
        for (int row = 0; row < rows; row++) {
            putLong(offsets[row]);
            putInt(entries[4 * row]);
            putInt(entries[4 * row + 1]);
            putInt(entries[4 * row + 2]);
            putInt(entries[4 * row + 3]);
        }
        List<String> lines = new ArrayList<>(List.of(note));
        lines.addAll(reasons);
        byte[] text = String.join("\n", lines).getBytes(StandardCharsets.UTF_8);
        for (byte b : text) {
            room(1);
            buffer.put(b);
            written++;
        }
        putInt(text.length);
        putInt(rows);
        putLong(index);
        flush();
        putLong(crc.getValue());
        putLong(TokenFile.MAGIC);
        flush();
        try {
            channel.force(true);
            channel.close();
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    /// Leaves nothing behind where the file was not finished.
    @Override
    public void close() {
        try {
            channel.close();
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private void putInt(int value) {
        room(4);
        buffer.putInt(value);
        written += 4;
    }

    private void putLong(long value) {
        room(8);
        buffer.putLong(value);
        written += 8;
    }

    private void room(int count) {
        if (buffer.remaining() < count) {
            flush();
        }
    }

    private void flush() {
        buffer.flip();
        crc.update(buffer.duplicate());
        try {
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        } catch (IOException e) {
            throw unwritable(e);
        }
        buffer.clear();
    }

    private UncheckedIOException unwritable(IOException e) {
        return new UncheckedIOException(
                "cannot write %s (%s); set GRAFT_CACHE to a folder with room".formatted(target, e), e);
    }
}
