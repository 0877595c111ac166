#!/usr/bin/env bash
# Memory of a LoRA step on the bfloat16 1B shape beside that of QLoRA steps: every base in fresh processes, in turns.
#
#   bench/qlora.sh DIR TOKENS [recompute]
#
# DIR is made by dev.graft.bench.RandomModel 1B DIR; build with: mvn -q -DskipTests package
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
directory=$1 tokens=$2
shift 2
export OMP_WAIT_POLICY=PASSIVE

step() {
  echo "== $*"
  "$("$root/graft" --java-home)/bin/java" -XX:+UseSerialGC -Xms32m --enable-native-access=ALL-UNNAMED \
    --add-modules=jdk.incubator.vector -Dorg.bytedeco.javacpp.nopointergc=true \
    -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -cp "$root/bench/target/graft-bench.jar:$root/bench/target/lib/*" \
    dev.graft.bench.StepBenchmark "$directory" 1 "$tokens" third 1 "$@"
}

for _ in 1 2; do
  step "$@"
  step nf4-double "$@"
  step nf4-double int8-embeddings "$@"
  step nf4-double nf4-embeddings "$@"
done
