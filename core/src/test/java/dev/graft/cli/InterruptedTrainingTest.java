package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Ctrl-C, as the operating system sends it to a process of its own.
@EnabledOnOs({OS.LINUX, OS.MAC})
class InterruptedTrainingTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int STEPS = 800;

    @TempDir
    Path folder;

    @Test
    void interruptWritesACheckpointExits130AndResumeEndsWhereAnUninterruptedRunDoes() throws Exception {
        Path model = TinyModel.in(folder);
        Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(24));
        Path recipe = TrainRuns.recipe(folder, model);
        Files.writeString(
                recipe,
                Files.readString(recipe)
                        .replace("max_steps: 6", "max_steps: " + STEPS)
                        .replace("save_steps: 2", "save_steps: 0")
                        .replace("eval_steps: 3", "eval_steps: 0"));
        Path run = folder.resolve("run");

        Process process = start(recipe);
        try {
            waitForLines(run.resolve("metrics.jsonl"), 4, process);
            assumeFalse(ignoresInterrupts(process), "this shell makes its children ignore SIGINT");
            new ProcessBuilder("kill", "-INT", String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        String said = Files.readString(folder.resolve("said.txt"));
        assertThat(process.exitValue()).as(said).isEqualTo(130);
        assertThat(said).contains("stopped after step", "--resume").doesNotContain("Exception");
        String step = said.replaceFirst("(?s).*stopped after step (\\d+).*", "$1");
        assertThat(Integer.parseInt(step)).isLessThan(STEPS);
        Path checkpoint = run.resolve("checkpoints/step-" + step);
        for (String file :
                List.of("parameters.safetensors", "optimizer.safetensors", "trainer_state.json", "adapter")) {
            assertThat(checkpoint.resolve(file)).exists();
        }
        assertThat(run.resolve("report.json")).doesNotExist();

        Ran resumed = Ran.graft("train", recipe, "--resume");
        assertThat(resumed.err()).isEmpty();
        assertThat(resumed.exitCode()).isZero();
        Ran uninterrupted = Ran.graft("train", recipe, "--output", folder.resolve("uninterrupted"));
        assertThat(uninterrupted.exitCode()).isZero();
        assertThat(run.resolve("adapter/adapter_model.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("uninterrupted/adapter/adapter_model.safetensors"));
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl")))
                .hasSameSizeAs(Files.readAllLines(folder.resolve("uninterrupted/metrics.jsonl")));
    }

    private Process start(Path recipe) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElseThrow());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith("--") || argument.startsWith("-Dorg.bytedeco"))
                .forEach(command::add);
        command.addAll(List.of(
                "-cp", System.getProperty("java.class.path"), "dev.graft.cli.Main", "train", recipe.toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said.txt").toFile())
                .start();
    }

    private void waitForLines(Path file, int lines, Process process) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!Files.exists(file) || Files.readAllLines(file).size() < lines) {
            assertThat(process.isAlive())
                    .as(() -> "ended early: " + read(folder.resolve("said.txt")))
                    .isTrue();
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.sleep(10);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    /// A job that a script starts in the background inherits SIGINT as ignored, and so does its child.
    private static boolean ignoresInterrupts(Process process) throws IOException {
        Path status = Path.of("/proc/%d/status".formatted(process.pid()));
        if (!Files.exists(status)) {
            return false;
        }
        String mask = Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .findFirst()
                .orElse("SigIgn: 0")
                .replaceAll(".*\\s", "");
        return (Long.parseUnsignedLong(mask, 16) >> 1 & 1) == 1; // SIGINT is number 2, bit 1
    }
}
