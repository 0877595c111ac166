package dev.graft.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/// The native library: loaded once, with the settings that must stand before it loads.
public final class Torch {
    static {
        // Both must stand before the libraries load. libgomp spins after each parallel region unless told to sleep,
        // which starves OpenBLAS's pool and our own kernels on the same cores.
        setEnvironment("OMP_WAIT_POLICY", "PASSIVE");
        if (System.getProperty("org.bytedeco.javacpp.nopointergc") == null) {
            System.setProperty("org.bytedeco.javacpp.nopointergc", "true");
            System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
            System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
        }
        torch.set_num_threads(Runtime.getRuntime().availableProcessors());
    }

    private Torch() {}

    /// Loads the native library if it is not loaded yet.
    public static void load() {
        // the work is in the static initialiser
    }

    /// Threads libtorch uses inside one operation.
    public static int threads() {
        return torch.get_num_threads();
    }

    /// Sets the threads libtorch uses inside one operation.
    public static void setThreads(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads is %d; expected 1 or more".formatted(threads));
        }
        torch.set_num_threads(threads);
    }

    /// Sets the threads of float32 matrix products, which come from OpenBLAS with a pool of its own. Its
    /// threads wait for each other by spinning, so products too small to share run faster, and on a busy
    /// machine many times faster, on one.
    ///
    /// @return whether the library was found and told
    public static boolean setBlasThreads(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads is %d; expected 1 or more".formatted(threads));
        }
        Optional<MemorySegment> setter = Loader.getLoadedLibraries().entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("openblas"))
                .flatMap(
                        entry -> SymbolLookup.libraryLookup(Path.of(entry.getValue()), Arena.global())
                                .find("openblas_set_num_threads")
                                .stream())
                .findFirst();
        setter.ifPresent(function -> {
            var call = Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
            try {
                call.invokeExact(threads);
            } catch (Throwable e) {
                throw new IllegalStateException("openblas_set_num_threads(%d) failed".formatted(threads), e);
            }
        });
        return setter.isPresent();
    }

    /// Whether a CUDA card can be used by this build of the native library.
    public static boolean cudaAvailable() {
        return torch.hasCUDA() && torch.getNumGPUs() > 0;
    }

    /// The best computing type of a device: bfloat16 where its matrix products are faster than float32's.
    public static DType bestComputeType(Device device) {
        if (!device.isCpu()) {
            return DType.BF16;
        }
        return cpuFlags().matches("(?s).*\\b(avx512_bf16|amx_bf16)\\b.*") ? DType.BF16 : DType.F32;
    }

    /// Version of the native library.
    public static String version() {
        try (var config = torch.show_config()) {
            Matcher matcher = Pattern.compile("TORCH_VERSION=([^,\\s]+)").matcher(config.getString());
            return matcher.find() ? matcher.group(1) : "unknown";
        }
    }

    /// What the processor calls itself.
    public static String cpuName() {
        for (String line : cpuInfo().split("\n")) {
            if (line.startsWith("model name")) {
                return line.substring(line.indexOf(':') + 1).strip();
            }
        }
        return System.getProperty("os.arch");
    }

    private static String cpuFlags() {
        for (String line : cpuInfo().split("\n")) {
            if (line.startsWith("flags")) {
                return line;
            }
        }
        return "";
    }

    private static String cpuInfo() {
        Path info = Path.of("/proc/cpuinfo");
        try {
            return Files.isReadable(info) ? Files.readString(info) : "";
        } catch (IOException e) {
            return ""; // not Linux, or not readable: the processor stays unnamed and float32 is used
        }
    }

    /// Sets a variable of the process environment unless the user has set it.
    private static void setEnvironment(String name, String value) {
        if (System.getenv(name) != null
                || System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows")) {
            return;
        }
        Linker linker = Linker.nativeLinker();
        var setenv = linker.downcallHandle(
                linker.defaultLookup().find("setenv").orElseThrow(),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) setenv.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 0);
            if (result != 0) {
                throw new IllegalStateException("setenv(%s) returned %d".formatted(name, result));
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("cannot set the environment variable " + name, e);
        }
    }
}
