using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Benchmarks;

/// <summary>The bare sessions of one or two scorers, side by side, over the rows that the scorers make of pairs.</summary>
internal sealed class BareScorers : IDisposable
{
    private readonly BareSession[] _sessions;

    public BareScorers(ModelStore store, string[] scorers, OnnxOptions session, (string Source, string Answer)[] pairs, int batch)
    {
        _sessions = [.. scorers.Select(name =>
        {
            var folder = store.Find(name);
            using var model = ScorerModel.Load(folder, session, 1);
            EncodedPair[] rows = [.. pairs.SelectMany(pair => Answers(name, pair.Answer).Select(answer => model.Encoder.Encode(pair.Source, answer)))];
            return new BareSession(folder, session, rows, batch);
        })];
    }

    public double MeanLength => _sessions[0].MeanLength;

    public void Run() => Parallel.ForEach(_sessions, session => session.Run());

    public void Dispose() => Array.ForEach(_sessions, session => session.Dispose());

    // Entailment reads an answer sentence by sentence.
    private static IEnumerable<string> Answers(string scorer, string answer) =>
        scorer == "entailment" ? Sentences.Split(answer).Select(range => answer[range]).DefaultIfEmpty("") : [answer];
}
