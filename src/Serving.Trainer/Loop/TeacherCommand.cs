using System.CommandLine;
using System.Runtime;
using Serving.Episodes;
using Serving.Models;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>Verb "teacher": stores a teacher's top-k log-probs of the logged answers, for distillation without the teacher (Trainer:Gkd:TeacherFile).</summary>
internal static class TeacherCommand
{
    public static Command Create()
    {
        var episodes = new Option<string>("--episodes") { Required = true, Description = "Root of the episode log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var teacher = new Option<string>("--teacher") { Required = true, Description = "Version that is asked, NAME or NAME@VERSION." };
        var count = new Option<int>("--top-k") { DefaultValueFactory = _ => 16, Description = "Tokens stored for every place; the others count as one." };
        var device = new Option<TrainingDevice>("--device") { Description = "cpu, or cuda in a build with -p:Accelerator=cuda." };
        var output = new Option<string>("--out") { Required = true, Description = "File to write (JSON Lines); replaced when complete." };
        var command = new Command("teacher", "Store a teacher's top-k log-probs of the logged answers, to distil from without it (Trainer:Gkd:TeacherFile).")
        {
            episodes, models, teacher, count, device, output,
        };
        command.SetAction((arguments, cancellationToken) =>

            // A thread of its own, as for training: dispose scopes belong to a thread.
            Task.Factory.StartNew(
                () =>
                {
                    arguments.GetValue(device).Use();
                    ArgumentOutOfRangeException.ThrowIfLessThan(arguments.GetValue(count), 1, "--top-k");
                    var version = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System).Find(arguments.GetRequiredValue(teacher));
                    Write(arguments.GetRequiredValue(episodes), version, arguments.GetValue(count), arguments.GetRequiredValue(output), cancellationToken);
                    return 0;
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default));
        return command;
    }

    private static void Write(string episodes, ModelFolder version, int count, string path, CancellationToken cancellationToken)
    {
        GCSettings.LatencyMode = GCLatencyMode.Batch;        // as in the training loop
        using var teacher = PolicyWeights.Load(version.Path);
        var k = Math.Min(count, teacher.Config.VocabularySize);
        var builder = new BatchBuilder(2, 0, 0);
        var (written, skipped) = (0, 0);
        using (var lines = new StreamWriter(path + ".partial"))
        {
            foreach (var episode in new EpisodeReader(episodes).ReadAll())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (EpisodeGroups.Read(episode, policy: null) is not { } group || !Fits(group, teacher))
                {
                    skipped++;
                    continue;
                }

                var candidate = 0;
                foreach (var tokens in Ask(teacher, builder, group, k))
                {
                    lines.WriteLine(TeacherFile.Line(group.Id, candidate++, k, tokens));
                    written++;
                }
            }
        }

        File.Move(path + ".partial", path, overwrite: true);
        Console.WriteLine($"{written} answers, {k} tokens a place, by {version.Id}; {skipped} episodes left out");
    }

    private static List<TeacherTokens> Ask(PolicyModule teacher, BatchBuilder builder, CandidateGroup group, int k)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var batch = builder.Build([group], 0);
        var hidden = new ObjectiveInputs(teacher, batch).Hidden;
        var (ids, logProbs) = (new List<int>(), new List<float>());
        var chunk = ChunkedDivergence.RowsFor(teacher);
        for (var start = 0L; start < hidden.shape[0]; start += chunk)
        {
            using var inner = NewDisposeScope();
            var (top, values) = TopKTail.Of(teacher.Project(hidden.narrow(0, start, Math.Min(chunk, hidden.shape[0] - start))), k);
            ids.AddRange(top.contiguous().cpu().data<long>().Select(id => (int)id));
            logProbs.AddRange(values.contiguous().cpu().data<float>());
        }

        var answers = new List<TeacherTokens>();
        var at = 0;
        foreach (var entry in batch.Entries)
        {
            var length = entry.Tokens * k;
            answers.Add(new TeacherTokens([.. ids.Skip(at).Take(length)], [.. logProbs.Skip(at).Take(length)]));
            at += length;
        }

        return answers;
    }

    private static bool Fits(CandidateGroup group, PolicyModule teacher) =>
        group.Prompt.Length + group.Candidates.Max(candidate => candidate.Tokens.Length) <= teacher.Config.MaxPositions
        && group.Prompt.Concat(group.Candidates.SelectMany(candidate => candidate.Tokens)).All(id => id >= 0 && id < teacher.Config.VocabularySize);
}
