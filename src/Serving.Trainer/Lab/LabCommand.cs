using System.CommandLine;

namespace Serving.Trainer.Lab;

/// <summary>Verb "lab": runs one of the trainer's losses on a problem whose every answer can be listed, where the right result is known.</summary>
internal static class LabCommand
{
    private const string Help = """
        Run one of the trainer's losses on a problem whose every answer can be listed, and print where the policy ends up (docs/lab.md).

        The problem is one JSON object; the result is one JSON object on one line.
          vocab, length   tokens and tokens per sequence; vocab^length at most 100000
          reference       probability of every token, the same at every place
          rewards         one per sequence, in lexicographic order: the first token counts most
          n               N of the Best-of-N
          objective       full-bond | j-bond | regression-bond | bon-sft | gkd | reinforce
        Optional, with their defaults:
          policy          tabular | unigram | categorical (tabular)
          beta            full-bond, j-bond: weight of KL(policy || target) in J_beta (0.5); gkd with jsd: b of JSD(b) (0.5); reinforce: weight
                          of the divergence from the reference (0.1)
          gamma, eta      j-bond: weight of the extra divergence from the anchor (0), share of the policy the anchor takes over each step (0 = frozen)
          k               sampled full-bond and regression-bond: draws a quantile is estimated from (16)
          divergence      gkd: forward-kl | reverse-kl | jsd (jsd)
          lambda          gkd: share of the student's own sequences, the others are the teacher's (0.5)
          teacher         gkd: best-of-n | reference (best-of-n)
          gradients       exact | sampled (exact)
          batch           prompts of a sampled step (64)
          steps           (1000)
          learning_rate   of plain gradient descent (1; sampled 0.3, a tenth in the last third of the steps)
          seed            (1)
        Example:
          {"vocab": 3, "length": 1, "reference": [0.5, 0.3, 0.2], "rewards": [0, 1, 2], "n": 2, "objective": "j-bond"}
        """;

    public static Command Create()
    {
        var problem = new Option<string>("--problem") { Required = true, Description = "JSON file with one problem." };
        var command = new Command("lab", Help) { problem };
        command.SetAction(arguments => Console.WriteLine(LabRun.Solve(LabProblemFile.Read(arguments.GetRequiredValue(problem))).ToJson()));
        return command;
    }
}
