package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Weight;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Adapters that begin as a part of the base, beside PEFT (`scripts/goldens_inits.py`).
class AdapterStartsTest {
    private static final JsonNode RUNS = Goldens.json("inits/inits.json").path("runs");
    private static final Path TENSORS = Goldens.path("inits/inits.safetensors");
    private static final List<String> LAYERS =
            List.of("model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj");

    @TempDir
    Path folder;

    private static Lora settings(String init) {
        Lora plain =
                new Lora(4, RUNS.path(init).path("settings").path("lora_alpha").asDouble(), 0, Targets.allLinear());
        return switch (init) {
            case "pissa" -> plain.with(Lora.Init.PISSA);
            case "olora" -> plain.withRslora().with(Lora.Init.OLORA);
            default -> throw new IllegalArgumentException(init);
        };
    }

    private static LanguageModel load(Adapters adapters) {
        return Models.load(Models.TINY, adapters.over(LinearFactory.frozen()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"pissa", "olora"})
    void factorsBeginAsPeftsAndLeaveTheModelUnchanged(String init) {
        Adapters adapters = new Adapters(settings(init), 1);
        int[] ids = ids();
        float[] untouched;
        try (LanguageModel base = Models.load(Models.TINY, LinearFactory.frozen())) {
            untouched = Models.logits(base, ids);
        }
        try (LanguageModel model = load(adapters)) {
            assertThat(Models.logits(model, ids)).containsExactly(untouched, within(2e-5f));
            requireProducts(adapters, init, 2e-6f);
            adapters.enable(false);
            assertThat(Models.logits(model, ids)).isEqualTo(untouched);
        }
    }

    /// Singular vectors have no sign of their own; products do.
    private static void requireProducts(Adapters adapters, String init, float tolerance) {
        try (WeightFiles expected = WeightFiles.openFile(TENSORS);
                Scope scope = Scope.open()) {
            for (String layer : LAYERS) {
                Adapters.Adapted adapted = adapters.adapted().get(layer);
                assertThat(adapted.b().master().mm(adapted.a().master()).toFloats())
                        .as(layer)
                        .containsExactly(Goldens.floats(expected, init + "." + layer), within(tolerance));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"pissa", "olora"})
    void trainingIsPeftsAndWhatIsSavedIsAnAdapterOfTheUntouchedBase(String init) {
        float[] expected;
        try (WeightFiles files = WeightFiles.openFile(TENSORS)) {
            expected = Goldens.floats(files, init + ".logits");
        }
        Adapters adapters = new Adapters(settings(init), 1);
        try (LanguageModel model = load(adapters)) {
            ReferenceTrainingTest.follow(model, RUNS.path(init));
            assertThat(Models.logits(model, ids())).containsExactly(expected, within(1e-3f));
            adapters.save(folder, "base");
        }
        JsonNode config = Json.readObject(folder.resolve("adapter_config.json"), "a config");
        RUNS.path(init)
                .path("converted")
                .properties()
                .forEach(entry -> assertThat(config.path(entry.getKey()).asText())
                        .as(entry.getKey())
                        .isEqualTo(entry.getValue().asText()));
        Adapters saved = Adapters.read(folder);
        try (LanguageModel model = load(saved)) {
            saved.load(folder);
            assertThat(Models.logits(model, ids())).containsExactly(expected, within(1e-3f));
        }
    }

    @Test
    void adapterThatPeftSavedWithoutConvertingItHasPeftsLogits() {
        Path unconverted = Goldens.path("inits/pissa-unconverted");
        Adapters adapters = Adapters.read(unconverted);
        try (WeightFiles expected = WeightFiles.openFile(TENSORS);
                LanguageModel model = load(adapters)) {
            adapters.load(unconverted);
            // what was taken away is computed anew, and float32 parts close singular values one way or another
            assertThat(Models.logits(model, ids()))
                    .containsExactly(Goldens.floats(expected, "pissa.logits"), within(5e-4f));
        }
    }

    @Test
    void oloraOverAQuantisedBaseLeavesItUnchangedAndSavesAnAdapterOfIt() {
        Adapters adapters = new Adapters(settings("olora"), 1);
        float[] learnt;
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(nf4()))) {
            adapters.enable(false);
            float[] base = Models.logits(model, ids());
            adapters.enable(true);
            assertThat(Models.logits(model, ids())).containsExactly(base, within(5e-5f));
            adapters.adapted().values().forEach(layer -> {
                try (Scope scope = Scope.open()) {
                    layer.a().set(layer.a().master().mul(1.01));
                }
            });
            learnt = Models.logits(model, ids());
            assertThat(distance(learnt, base)).isGreaterThan(1e-2);
            adapters.save(folder, "base");
        }
        Adapters saved = Adapters.read(folder);
        try (LanguageModel model = Models.load(Models.TINY, saved.over(nf4()))) {
            saved.load(folder);
            assertThat(Models.logits(model, ids())).containsExactly(learnt, within(5e-5f));
        }
    }

    /// The random projection of one start is not that of another; with many iterations both find what there
    /// is.
    @Test
    void manyPowerIterationsFindWhatTheExactDecompositionDoes() {
        Adapters adapters = new Adapters(settings("pissa").withPissa(300), 1);
        try (LanguageModel model = load(adapters)) {
            assertThat(model.parameters()).isNotEmpty();
            requireProducts(adapters, "pissa", 1e-3f);
        }
    }

    @Test
    void fewPowerIterationsFindMostOfIt() {
        Adapters exact = new Adapters(settings("pissa"), 1);
        Adapters quick = new Adapters(settings("pissa").withPissa(2), 1);
        try (LanguageModel a = load(exact);
                LanguageModel b = load(quick);
                Scope scope = Scope.open()) {
            exact.adapted().forEach((name, layer) -> {
                Adapters.Adapted other = quick.adapted().get(name);
                double all = layer.b().master().mm(layer.a().master()).norm();
                assertThat(other.b().master().mm(other.a().master()).norm())
                        .as(name)
                        .isBetween(0.85 * all, 1.00001 * all);
            });
            assertThat(Models.logits(b, ids())).containsExactly(Models.logits(a, ids()), within(2e-5f));
        }
    }

    @Test
    void foldingALiveAdapterAddsOnlyWhatWasLearnt() {
        Adapters adapters = new Adapters(settings("pissa"), 1);
        try (LanguageModel model = load(adapters);
                Scope scope = Scope.open()) {
            Adapters.Adapted layer = adapters.adapted().get(LAYERS.getFirst());
            assertThat(layer.product().norm()).isLessThan(1e-6);
            layer.b().set(layer.b().master().mul(1.5));
            // half of s·B·A more than it began with
            double half = layer.b().master().mm(layer.a().master()).norm() / 3 * layer.scale();
            assertThat(layer.product().norm()).isCloseTo(half, within(1e-4));
            assertThat(layer.rank()).isEqualTo(8);
            assertThat(layer.factorB().mm(layer.factorA()).mul(layer.scale()).toFloats())
                    .containsExactly(layer.product().toFloats(), within(1e-5f));
        }
    }

    @Test
    void loftqBeginsWithWhatQuantisationTookAway() {
        Lora settings = new Lora(4, 4, 0, Targets.allLinear()).with(Lora.Init.LOFTQ);
        Adapters adapters = new Adapters(settings, 1);
        int[] ids = ids();
        float[] exact;
        float[] quantised;
        try (LanguageModel base = Models.load(Models.TINY, LinearFactory.frozen())) {
            exact = Models.logits(base, ids);
        }
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(nf4()))) {
            requireProducts(adapters, "loftq", 2e-6f);
            float[] started = Models.logits(model, ids);
            adapters.enable(false);
            quantised = Models.logits(model, ids);
            assertThat(distance(started, exact)).isLessThan(0.9 * distance(quantised, exact));
        }
    }

    /// The base after five times is PEFT's to the last code but where two numbers lie on a border, and
    /// so is `B·A` (`scripts/goldens_quant_adapters.py`); the scale of 2 is divided out, which PEFT forgets.
    @ParameterizedTest
    @CsvSource({
        "4, 1, model.layers.0.self_attn.q_proj", "4, 5, model.layers.0.self_attn.q_proj",
        "4, 1, model.layers.2.mlp.down_proj", "4, 5, model.layers.2.mlp.down_proj",
        "8, 1, model.layers.0.self_attn.q_proj", "8, 5, model.layers.0.self_attn.q_proj"
    })
    void loftqAlternatesAsPeft(int bits, int iterations, String layer) {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.names(layer)).withLoftq(iterations), 1);
        QuantisedLinears packing =
                new QuantisedLinears(LinearFactory.frozen(), bits == 4 ? new Nf4(false) : new Int8Rows());
        Observed base = new Observed(packing, layer);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(base));
                WeightFiles expected = WeightFiles.openFile(Goldens.path("quant/loftq.safetensors"));
                Scope scope = Scope.open()) {
            assertThat(model.parameters()).hasSize(2);
            String key = "%d.%d.%s".formatted(bits, iterations, layer);
            assertThat(base.weight.value().toFloats())
                    .containsExactly(Goldens.floats(expected, key + ".base"), within(1e-6f));
            Adapters.Adapted adapted = adapters.adapted().get(layer);
            Tensor product = adapted.b().master().mm(adapted.a().master()).mul(2);
            assertThat(product.toFloats()).containsExactly(Goldens.floats(expected, key + ".product"), within(2e-6f));
        }
    }

    @Test
    void loftqOfSeveralIterationsIsSavedWithItsConfigAndFindsItsBaseAgain() {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.allLinear()).withLoftq(3), 1);
        float[] started;
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(nf4()))) {
            started = Models.logits(model, ids());
            adapters.save(folder, "base");
        }
        JsonNode config = Json.readObject(folder.resolve("adapter_config.json"), "a config");
        assertThat(config.path("init_lora_weights").asText()).isEqualTo("loftq");
        assertThat(config.path("loftq_config").toString()).contains("\"loftq_bits\":4", "\"loftq_iter\":3");
        Adapters saved = Adapters.read(folder);
        try (LanguageModel model = Models.load(Models.TINY, saved.over(nf4()))) {
            saved.load(folder);
            assertThat(Models.logits(model, ids())).containsExactly(started, within(1e-6f));
        }
        assertThatThrownBy(() -> load(Adapters.read(folder))).hasMessageContaining("set quantization.load_in_4bit");
        Adapters other = Adapters.read(folder);
        LinearFactory eight = other.over(new QuantisedLinears(LinearFactory.frozen(), new Int8Rows()));
        try (LanguageModel model = Models.load(Models.TINY, eight)) {
            assertThat(model.parameters()).isNotEmpty();
            assertThatThrownBy(() -> other.load(folder))
                    .hasMessageContaining("loftq_config says 4 bits, and this base is in int8");
        }
    }

    @Test
    void moreIterationsComeNearerToTheWeight() {
        double[] errors = new double[3];
        for (int i = 0; i < errors.length; i++) {
            Adapters adapters = new Adapters(new Lora(8, 8, 0, Targets.allLinear()).withLoftq(1 + 4 * i), 1);
            try (LanguageModel base = Models.load(Models.TINY, LinearFactory.frozen());
                    LanguageModel model = Models.load(Models.TINY, adapters.over(nf4()))) {
                errors[i] = distance(Models.logits(model, ids()), Models.logits(base, ids()));
            }
        }
        assertThat(errors[1]).isLessThan(errors[0]);
    }

    @Test
    void oloraThatPeftSavedUnconvertedIsNotGuessedAtOnAQuantisedBase() throws IOException {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.allLinear()), 1);
        try (LanguageModel model = load(adapters)) {
            assertThat(model.parameters()).isNotEmpty();
            adapters.save(folder, "base");
        }
        Path file = folder.resolve("adapter_config.json");
        Files.writeString(
                file,
                Files.readString(file)
                        .replaceFirst("\"init_lora_weights\" ?: ?true", "\"init_lora_weights\": \"olora\""));
        Adapters read = Adapters.read(folder);
        try (LanguageModel model = Models.load(Models.TINY, read.over(nf4()))) {
            assertThat(model.parameters()).isNotEmpty();
            assertThatThrownBy(() -> read.load(folder))
                    .hasMessageContaining("\"olora\" and the base is quantised (nf4)");
        }
    }

    /// Keeps the weight of one layer in sight.
    private static final class Observed implements LinearFactory {
        private final LinearFactory base;
        private final String layer;
        private Weight weight;

        Observed(LinearFactory base, String layer) {
            this.base = base;
            this.layer = layer;
        }

        @Override
        public LinearLayer linear(String name, NamedTensors source) {
            LinearLayer made = base.linear(name, source);
            if (name.equals(layer)) {
                weight = made.projection().orElseThrow().weight();
            }
            return made;
        }

        @Override
        public Weight weight(String tensor, NamedTensors source) {
            return base.weight(tensor, source);
        }

        @Override
        public List<Parameter> parameters() {
            return base.parameters();
        }

        @Override
        public void close() {
            base.close();
        }
    }

    @Test
    void loftqHalvesNothingWhenTheScaleIsTwo() {
        Lora settings = new Lora(4, 8, 0, Targets.allLinear()).with(Lora.Init.LOFTQ);
        Adapters once = new Adapters(new Lora(4, 4, 0, Targets.allLinear()).with(Lora.Init.LOFTQ), 1);
        Adapters twice = new Adapters(settings, 1);
        try (LanguageModel a = Models.load(Models.TINY, once.over(nf4()));
                LanguageModel b = Models.load(Models.TINY, twice.over(nf4()))) {
            assertThat(Models.logits(b, ids())).containsExactly(Models.logits(a, ids()), within(1e-4f));
        }
    }

    @Test
    void startsThatCannotBeAreRefusedWithAWayOut() {
        Adapters pissa = new Adapters(settings("pissa"), 1);
        assertThatThrownBy(() -> Models.load(Models.TINY, pissa.over(nf4())))
                .hasMessageContaining("is quantised; use loftq or olora");
        Adapters loftq = new Adapters(new Lora(4, 4, 0, Targets.allLinear()).with(Lora.Init.LOFTQ), 1);
        assertThatThrownBy(() -> load(loftq)).hasMessageContaining("set quantization.load_in_4bit");
        Adapters wide = new Adapters(new Lora(17, 4, 0, Targets.allLinear()).with(Lora.Init.OLORA), 1);
        assertThatThrownBy(() -> load(wide)).hasMessageContaining("k_proj has shape [16, 48]: it has no rank of 17");
        Adapters table = new Adapters(new Lora(4, 4, 0, Targets.names("embed_tokens")).with(Lora.Init.PISSA), 1);
        assertThatThrownBy(() -> load(table)).hasMessageContaining("is an embedding");
        assertThatThrownBy(() -> settings("pissa").withDora()).hasMessageContaining("use_dora");
    }

    private static LinearFactory nf4() {
        return new QuantisedLinears(LinearFactory.frozen(), new Nf4(false));
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(sum);
    }

    private static int[] ids() {
        try (WeightFiles files = WeightFiles.openFile(TENSORS)) {
            return Arrays.stream(files.data("ids").toArray(ValueLayout.JAVA_LONG_UNALIGNED))
                    .mapToInt(Math::toIntExact)
                    .toArray();
        }
    }
}
