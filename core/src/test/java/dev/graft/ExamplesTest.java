package dev.graft;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The examples compile and run as their comments say.
class ExamplesTest {
    private static final Path ROOT = root();

    @Test
    void fineTuneLoraLeavesAnAdapter(@TempDir Path folder) throws IOException, InterruptedException {
        Path quickstart = ROOT.resolve("examples/quickstart");
        Path adapter = folder.resolve("adapter");
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ROOT.resolve("examples/FineTuneLora.java").toString(),
                        quickstart.resolve("base").toString(),
                        quickstart.resolve("train.jsonl").toString(),
                        adapter.toString(),
                        "3"))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
        assertThat(Files.readString(log)).contains("step 3/3");
        assertThat(adapter.resolve("adapter_config.json")).isRegularFile();
        assertThat(adapter.resolve("adapter_model.safetensors")).isRegularFile();
    }

    private static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("examples"))) {
            folder = folder.getParent();
        }
        return folder;
    }
}
