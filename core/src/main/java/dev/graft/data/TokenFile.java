package dev.graft.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/// The tokens of a file's rows on disk, memory-mapped: nothing of them is on the heap.
///
/// ```
/// row          ids int32 × length, labels one bit each, filled up to four bytes         … for each row
/// index        offset int64, number int32, length int32, flags int32, reason int32      … for each row
/// note         UTF-8; behind its first line a line for each reason why nothing of a row is learnt
/// foot         note length int32, rows int32, index offset int64, CRC-32C of all before int64, magic int64
/// ```
/// Everything is little-endian. A row of which nothing is learnt has no tokens; the note holds why.
/// Written by [TokenFileWriter].
final class TokenFile implements TokenRows {
    static final long MAGIC = 0x31_4E_4B_54_54_46_52_47L; // "GRFTTKN1"
    static final int INDEX_ENTRY = 24;
    static final int FOOT = 32;
    static final int FUSED = 1;
    static final int WINDOWED = 2;
    static final int NOTHING = 4;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path source;
    private final MemorySegment bytes;
    private final int rows;
    private final long index;
    private final String note;
    private final List<String> reasons;

    private TokenFile(Path source, MemorySegment bytes) {
        this.source = source;
        this.bytes = bytes;
        long foot = bytes.byteSize() - FOOT;
        int noteLength = bytes.get(INT, foot);
        rows = bytes.get(INT, foot + 4);
        index = bytes.get(LONG, foot + 8);
        byte[] text = bytes.asSlice(foot - noteLength, noteLength).toArray(ValueLayout.JAVA_BYTE);
        String[] notes = new String(text, StandardCharsets.UTF_8).split("\n", -1);
        note = notes[0];
        reasons = List.of(notes).subList(1, notes.length);
    }

    /// Opens a file and checks that it is whole; empty where it is not.
    ///
    /// @param source  the file whose rows these are
    static Optional<TokenFile> open(Path path, Path source) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
            return isWhole(bytes) ? Optional.of(new TokenFile(source, bytes)) : Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty(); // another run has just made room
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot read %s; delete it, or set GRAFT_CACHE to another folder".formatted(path), e);
        }
    }

    static boolean exists(Path path) {
        return Files.isRegularFile(path);
    }

    private static boolean isWhole(MemorySegment bytes) {
        long foot = bytes.byteSize() - FOOT;
        if (foot < 0 || bytes.get(LONG, foot + 24) != MAGIC) {
            return false;
        }
        var crc = new CRC32C();
        long end = foot + 16;
        for (long from = 0; from < end; from += 1 << 28) {
            crc.update(bytes.asSlice(from, Math.min(1 << 28, end - from)).asByteBuffer());
        }
        return crc.getValue() == bytes.get(LONG, foot + 16);
    }

    /// What the writer had to say about the file.
    String note() {
        return note;
    }

    @Override
    public Path file() {
        return source;
    }

    @Override
    public int size() {
        return rows;
    }

    @Override
    public int number(int row) {
        return bytes.get(INT, entry(row) + 8);
    }

    @Override
    public int length(int row) {
        return bytes.get(INT, entry(row) + 12);
    }

    @Override
    public boolean windowed(int row) {
        return (bytes.get(INT, entry(row) + 16) & WINDOWED) != 0;
    }

    @Override
    public boolean fused(int row) {
        return (bytes.get(INT, entry(row) + 16) & FUSED) != 0;
    }

    @Override
    public String nothing(int row) {
        boolean nothing = (bytes.get(INT, entry(row) + 16) & NOTHING) != 0;
        return nothing ? reasons.get(bytes.get(INT, entry(row) + 20)) : "";
    }

    @Override
    public LabelledTokens get(int row) {
        long offset = bytes.get(LONG, entry(row));
        int length = length(row);
        int[] ids = bytes.asSlice(offset, 4L * length).toArray(INT);
        boolean[] labels = new boolean[length];
        long bits = offset + 4L * length;
        for (int i = 0; i < length; i++) {
            labels[i] = (bytes.get(ValueLayout.JAVA_BYTE, bits + (i >> 3)) >> (i & 7) & 1) != 0;
        }
        return new LabelledTokens(ids, labels, fused(row), nothing(row));
    }

    private long entry(int row) {
        return index + (long) INDEX_ENTRY * row;
    }
}
