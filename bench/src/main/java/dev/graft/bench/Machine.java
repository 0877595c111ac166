package dev.graft.bench;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;

/// What every result is printed with: the machine, how busy it is, and what its memory gives.
final class Machine {
    /// More than any cache holds.
    private static final long BYTES = 512L << 20;

    /// Column of `/proc/stat`.
    private static final int STOLEN = 7;

    private static long[] times = new long[STOLEN + 1];

    private Machine() {}

    static String line() {
        return String.format(
                Locale.ROOT,
                "%s, %d threads, %s, load average %.1f%s",
                Torch.cpuName(),
                Torch.threads(),
                LocalDateTime.now().withNano(0),
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
                stolen());
    }

    /// How much of the processors' time the host gave to others since this was last asked, where Linux
    /// says so: on a virtual machine that explains what a load average does not.
    private static String stolen() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/stat"))) {
            long[] now = Arrays.stream(lines.findFirst().orElseThrow().split(" +"))
                    .skip(1)
                    .mapToLong(Long::parseLong)
                    .toArray();
            long[] before = times;
            times = now;
            long all = Arrays.stream(now).sum() - Arrays.stream(before).sum();
            long stolen = now[STOLEN] - before[STOLEN];
            return String.format(Locale.ROOT, ", %.0f %% of its time stolen by the host", 100.0 * stolen / all);
        } catch (IOException | UncheckedIOException e) {
            return "";
        }
    }

    /// GB/s at which libtorch's threads read memory: the largest of 512 MB of whole numbers, the best of
    /// five.
    static double readBandwidth() {
        try (Scope scope = Scope.open()) {
            Tensor numbers = Tensor.full(1, DType.F32, Device.cpu(), BYTES / 4);
            return BYTES / best(5, () -> Scope.local(numbers::sum)) / 1e9;
        }
    }

    /// Seconds of the fastest of some runs.
    static double best(int runs, Runnable work) {
        double best = Double.MAX_VALUE;
        for (int i = 0; i < runs; i++) {
            long began = System.nanoTime();
            work.run();
            best = Math.min(best, (System.nanoTime() - began) / 1e9);
        }
        return best;
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /// Makes the system count the peak of resident memory anew from here (Linux).
    static void forgetPeak() {
        System.gc();
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            System.out.println("the peak of resident memory cannot be reset here (" + e.getMessage() + ")");
        }
    }
}
