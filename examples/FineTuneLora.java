import dev.graft.data.*;
import dev.graft.model.*;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.*;
import dev.graft.tensor.*;
import dev.graft.tokenizer.Tokenizer;
import dev.graft.train.*;
import java.nio.file.Path;

// Fine-tunes a model with LoRA and saves an adapter that PEFT loads:
//
//     java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
//         -cp "core/target/graft.jar:core/target/lib/*" examples/FineTuneLora.java \
//         examples/quickstart/base examples/quickstart/train.jsonl adapter 300
void main(String[] args) {
    var base = Path.of(args[0]);                            // config.json, tokenizer.json, *.safetensors
    var rows = Rows.read(Path.of(args[1]));                 // {"prompt": …, "completion": …} a line
    var adapters = new Adapters(new Lora(8, 16, 0.0, Targets.allLinear()), 1);

    try (var tokenizer = Tokenizer.load(base);
            var model = Architectures.load(base, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
        var examples = new ExampleTokenizer(tokenizer, TokenizationOptions.upTo(512)).apply(rows).examples();
        var config = TrainingConfig.ofSteps(Integer.parseInt(args[3]));
        try (var trainer = Trainer.sft(
                model, new Batches(examples, 1024, 1), config, 0.005, TrainingEvent.Listener.printing(System.out, 25))) {
            trainer.run();
        }
        adapters.save(Path.of(args[2]), base.toString());
    }
}
