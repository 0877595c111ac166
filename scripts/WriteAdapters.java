// Writes an adapter for every way of adapting, its values moved away from where they started, with the logits Graft
// computes, for scripts/check_adapter.py to load in PEFT:
//
//     java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp "core/target/graft.jar:core/target/lib/*" \
//         scripts/WriteAdapters.java core/src/test/resources/goldens out
//     cd core/src/test/resources/goldens && python scripts/check_adapter.py BASE out/NAME out/NAME/logits.safetensors
import dev.graft.autograd.*;
import dev.graft.model.*;
import dev.graft.nn.*;
import dev.graft.peft.*;
import dev.graft.tensor.*;
import dev.graft.format.*;
import java.nio.file.*;
import java.util.*;

static Lora lora(String... t) { return new Lora(4, 8, 0, t.length == 0 ? Targets.allLinear() : Targets.names(t)); }

void main(String[] args) throws Exception {
    Path goldens = Path.of(args[0]), out = Path.of(args[1]);
    Map<String, Map.Entry<String, Lora>> runs = new LinkedHashMap<>();
    String b = "base-bias", u = "llama-tiny";
    runs.put("lora", Map.entry(u, lora()));
    runs.put("rslora-patterns", Map.entry(b, lora("q_proj", "up_proj").withPatterns(Map.of("layers.1.self_attn.q_proj", 2), Map.of("up_proj", 3.5)).withRslora()));
    runs.put("dora", Map.entry(b, lora().withDora()));
    runs.put("dora-embeddings", Map.entry(u, lora("embed_tokens", "lm_head", "o_proj").withDora()));
    runs.put("lora_bias", Map.entry(b, lora().withLoraBias()));
    runs.put("bias-all", Map.entry(b, lora("q_proj", "up_proj").with(Lora.Bias.ALL).withLoraBias()));
    runs.put("bias-lora_only", Map.entry(b, lora("q_proj", "up_proj").with(Lora.Bias.LORA_ONLY)));
    runs.put("embeddings", Map.entry(u, lora("embed_tokens", "lm_head", "v_proj")));
    runs.put("embedding-tied", Map.entry(b, lora("embed_tokens", "v_proj")));
    runs.put("head-tied", Map.entry(b, lora("lm_head", "v_proj")));
    runs.put("tokens", Map.entry(u, lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(88, 53, 1)))));
    runs.put("tokens-tied", Map.entry(b, lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(88, 53, 1)))));
    runs.put("tokens-by-module", Map.entry(b, lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(Map.of("lm_head", List.of(55, 12), "embed_tokens", List.of(1)))))));
    runs.put("saved", Map.entry(u, lora("q_proj").withModulesToSave("lm_head", "norm", "down_proj")));
    runs.put("saved-tied", Map.entry(b, lora("q_proj").withModulesToSave("embed_tokens", "mlp")));
    runs.put("saved-head-tied", Map.entry(b, lora("q_proj").withModulesToSave("lm_head")));
    runs.put("saved-kept-tied", Map.entry(b, lora("v_proj").with(new Extras(List.of("embed_tokens"), TrainableTokens.NONE, true))));
    runs.put("regex", Map.entry(b, new Lora(4, 8, 0, new Targets.Regex(".*\\.(q|v)_proj")).withExcluded(Targets.names("layers.0.self_attn.q_proj"))));
    runs.put("orthogonal", Map.entry(b, lora().with(Lora.Init.ORTHOGONAL)));
    int[] ids = {1, 53, 39, 88, 67, 12, 55, 20, 78, 43, 55, 88, 37};
    SplittableRandom random = new SplittableRandom(3);
    for (var run : runs.entrySet()) {
        Path base = goldens.resolve(run.getValue().getKey());
        Adapters adapters = new Adapters(run.getValue().getValue(), 1);
        try (var model = Architectures.load(base, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32); var scope = Scope.open()) {
            for (Parameter p : model.parameters()) {
                float[] v = p.master().toFloats();
                for (int i = 0; i < v.length; i++) v[i] += (float) (0.1 * random.nextGaussian());
                p.set(Tensor.of(v, p.master().shape()));
            }
            Path folder = out.resolve(run.getKey());
            adapters.save(folder, run.getValue().getKey());
            Tensor logits = Scope.local(() -> { try (Tape tape = Tape.silent(Device.cpu())) { return model.logits(model.hidden(tape, TokenRun.document(ids)).data()); } });
            Tensor idt = Tensor.of(ids);
            SafetensorsWriter.write(folder.resolve("logits.safetensors"), List.of(
                new SafetensorsWriter.Part("ids.0", DType.I64, idt.shape(), idt.memory()),
                new SafetensorsWriter.Part("logits.0", DType.F32, logits.shape(), logits.contiguous().memory())));
            System.out.println(run.getKey() + " " + run.getValue().getKey());
        }
    }
}
