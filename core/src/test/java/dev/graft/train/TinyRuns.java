package dev.graft.train;

import dev.graft.Models;
import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Optimizer;
import dev.graft.optim.Schedule;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/// Short runs of `goldens/llama-tiny` for the tests of this package.
final class TinyRuns {
    private TinyRuns() {}

    static LanguageModel full() {
        return Models.load(Models.TINY, LinearFactory.trainable());
    }

    /// With an adapter on every linear layer, both factors random, so that every gradient is there from
    /// the start.
    static LanguageModel lora(double dropout) {
        Lora settings = new Lora(4, 8, dropout, Targets.allLinear()).with(Lora.Init.RANDOM);
        return Models.load(Models.TINY, new Adapters(settings, 1).over(LinearFactory.frozen()));
    }

    /// Documents of 11 to 20 tokens: no two of them fit into a batch of 20 tokens.
    static List<Tokenized> documents(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Tokenized> documents = new ArrayList<>();
        for (int row = 0; row < count; row++) {
            int[] ids = random.ints(random.nextInt(11, 21), 0, 97).toArray();
            boolean[] labels = new boolean[ids.length];
            for (int i = random.nextInt(1, 6); i < ids.length; i++) {
                labels[i] = true;
            }
            documents.add(new Tokenized(ids, labels, row + 1));
        }
        return documents;
    }

    static Trainer trainer(
            TrainingConfig config,
            LanguageModel model,
            Batches batches,
            Optional<Checkpoints> checkpoints,
            TrainingEvent.Listener listener) {
        return trainer(config, model, adamW(model), batches, checkpoints, listener);
    }

    static Trainer trainer(
            TrainingConfig config,
            LanguageModel model,
            Optimizer optimizer,
            Batches batches,
            Optional<Checkpoints> checkpoints,
            TrainingEvent.Listener listener) {
        return new Trainer(
                config,
                model,
                new CrossEntropy(),
                optimizer,
                Schedule.named("cosine", 5e-3, 1, config.steps()),
                batches,
                List.of(),
                checkpoints,
                listener);
    }

    static AdamW adamW(LanguageModel model) {
        return new AdamW(model.parameters(), AdamWSettings.defaults().withWeightDecay(0.01), AdamW.everyParameter());
    }

    /// A listener that keeps the loss of every step.
    static TrainingEvent.Listener into(List<Double> losses) {
        return event -> {
            if (event instanceof TrainingEvent.Stepped stepped) {
                losses.add(stepped.loss());
            }
        };
    }
}
