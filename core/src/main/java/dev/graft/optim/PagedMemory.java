package dev.graft.optim;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Optimizer state in a file mapped into memory: the operating system keeps in RAM what is in use and writes
/// the rest back, so that state may exceed RAM.
///
/// The file is scratch. It goes with the run however that ends (where a system can, its name goes at once),
/// and nothing is ever read from an old one: what a run resumes from is its checkpoint. Room on the disk is
/// taken by writing zeros before it is mapped, for a full disk could not be told from a defect afterwards.
public final class PagedMemory implements StateMemory {
    private static final int ALIGNMENT = 64;
    private static final int CHUNK = 1 << 20;

    private final Path folder;
    private final FileChannel file;
    private final Arena arena = Arena.ofShared();
    private long written;
    private long used;

    /// @param folder for the file; made when it is not there
    public PagedMemory(Path folder) {
        this.folder = folder;
        try {
            Files.createDirectories(folder);
            Path path = Files.createTempFile(folder, ".optimizer-", ".paged");
            this.file = FileChannel.open(
                    path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "%s: no file for paged optimizer state can be made there (%s); name another folder with --tmp"
                            .formatted(folder, e),
                    e);
        }
    }

    @Override
    public void reserve(long bytes) {
        extendTo(used + bytes);
    }

    @Override
    public Tensor zeros(DType dtype, Device device, long... shape) {
        if (!device.isCpu()) {
            throw new IllegalArgumentException(
                    "paged optimizer state is for the CPU and this parameter lies on %s; use training.optim adamw_torch or adamw_8bit"
                            .formatted(device));
        }
        long bytes = Shapes.bytes(dtype, shape);
        extendTo(used + bytes);
        try (Scope scope = Scope.open()) {
            MemorySegment memory = file.map(FileChannel.MapMode.READ_WRITE, used, bytes, arena);
            used += aligned(bytes);
            return Tensor.over(memory, dtype, shape).retain();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "%s: %,d bytes of optimizer state cannot be mapped (%s)".formatted(folder, bytes, e), e);
        }
    }

    /// Bytes of state with what alignment adds.
    static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private void extendTo(long size) {
        try {
            long free = Files.getFileStore(folder).getUsableSpace();
            if (size - written > free) {
                throw full(size, free, null);
            }
            ByteBuffer zeros = ByteBuffer.allocateDirect(Math.clamp(size - written, 0, CHUNK));
            while (written < size) {
                zeros.clear().limit((int) Math.min(zeros.capacity(), size - written));
                written += file.write(zeros, written);
            }
        } catch (IOException e) {
            throw full(size, -1, e);
        }
    }

    private UncheckedIOException full(long size, long free, IOException cause) {
        String found = free < 0 ? String.valueOf(cause) : "%,d MB are free".formatted(free / 1_000_000);
        return new UncheckedIOException(
                "%s: paged optimizer state takes %,d MB there and %s; make room, name another folder with --tmp, or use an 8-bit training.optim"
                        .formatted(folder, (size + 999_999) / 1_000_000, found),
                cause == null ? new IOException("no space left") : cause);
    }

    @Override
    public void close() {
        arena.close();
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "%s: the file of paged optimizer state cannot be closed".formatted(folder), e);
        }
    }
}
