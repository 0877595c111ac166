package dev.graft.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// Memory of this process as the operating system counts it.
public final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /// Highest resident size so far in MB (10⁶ bytes); empty where the system does not tell.
    public static OptionalLong peakResidentMegabytes() {
        return megabytes("VmHWM:");
    }

    /// Resident size now without files that are mapped, in MB; empty where the system does not tell.
    public static OptionalLong anonymousMegabytes() {
        return megabytes("RssAnon:");
    }

    private static OptionalLong megabytes(String field) {
        if (!Files.isReadable(STATUS)) {
            return OptionalLong.empty();
        }
        try {
            return Files.readAllLines(STATUS).stream()
                    .filter(line -> line.startsWith(field))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024 / 1_000_000)
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
