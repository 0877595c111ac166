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
import java.util.Map;
import java.util.stream.Collectors;
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
        long[] now = times();
        if (now.length == 0) {
            return "";
        }
        long[] before = times;
        times = now;
        long all = Arrays.stream(now).sum() - Arrays.stream(before).sum();
        long stolen = now[STOLEN] - before[STOLEN];
        return String.format(Locale.ROOT, ", %.0f %% of its time stolen by the host", 100.0 * stolen / all);
    }

    /// Hundredths of a second that the host has kept from this machine's processors since it started; 0
    /// where nobody says.
    static long stolenTicks() {
        long[] now = times();
        return now.length == 0 ? 0 : now[STOLEN];
    }

    /// The processors' time by what they did, as Linux counts it; empty elsewhere.
    private static long[] times() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/stat"))) {
            return Arrays.stream(lines.findFirst().orElseThrow().split(" +"))
                    .skip(1)
                    .mapToLong(Long::parseLong)
                    .toArray();
        } catch (IOException | UncheckedIOException e) {
            return new long[0];
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

    /// Resident memory of this process in MB (10⁶ bytes): its peak, what it is now, and of that its own and
    /// that of mapped files (Linux).
    static String memory() {
        try {
            Map<String, Long> fields = Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("VmHWM:") || line.startsWith("VmRSS:") || line.startsWith("Rss"))
                    .collect(Collectors.toMap(
                            line -> line.substring(0, line.indexOf(':')),
                            line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024 / 1_000_000));
            return "peak %d MB, now %d MB (own %d, files %d)"
                    .formatted(fields.get("VmHWM"), fields.get("VmRSS"), fields.get("RssAnon"), fields.get("RssFile"));
        } catch (IOException e) {
            return "memory unknown (" + e.getMessage() + ")";
        }
    }

    /// Makes the system count the peak of resident memory anew from here (Linux).
    static void forgetPeak() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            System.out.println("the peak of resident memory cannot be reset here (" + e.getMessage() + ")");
        }
    }
}
