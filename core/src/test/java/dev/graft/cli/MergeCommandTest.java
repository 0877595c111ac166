package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.format.WeightFiles;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest {
    @TempDir
    static Path models;

    private static Path model;
    private static Path adapter;

    @TempDir
    Path folder;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
        adapter = TinyModel.adapterIn(models, model);
    }

    @Test
    void mergedModelSaysWhatModelAndAdapterSay() {
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", model, adapter, "--output", merged);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.exitCode()).isZero();
        assertThat(answer(merged))
                .isEqualTo(answer(model, "--adapter", adapter))
                .isNotEqualTo(answer(model));
    }

    private static String answer(Object model, Object... more) {
        Object[] command = {
            "generate", model, "--prompt", "hello", "--max-new-tokens", 8, "--dtype", "float32", "--json"
        };
        Object[] all = java.util.Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return Ran.graft(all).json().path("token_ids").toString();
    }

    @Test
    void typeCanBeChosen() {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged, "--dtype", "bfloat16")
                        .exitCode())
                .isZero();
        try (WeightFiles files = WeightFiles.open(merged)) {
            assertThat(files.names())
                    .allMatch(name -> files.entry(name).dtypeName().equals("BF16"));
        }
        Ran wrong = Ran.graft("merge", model, adapter, "--output", folder.resolve("other"), "--dtype", "int4");
        assertThat(wrong.exitCode()).isEqualTo(2);
        assertThat(wrong.err()).contains("int4", "bfloat16");
    }

    @Test
    void nothingIsOverwritten() {
        Ran ran = Ran.graft("merge", model, adapter, "--output", folder);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains(folder.toString(), "exists already");
        assertThat(folder).isEmptyDirectory();
    }
}
