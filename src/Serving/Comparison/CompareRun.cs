using System.Globalization;
using Microsoft.Extensions.Options;
using Serving.Batch;
using Serving.Experiments;
using Serving.Generation;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Comparison;

/// <summary>
/// "ab compare": both arms answer the prompts of a file, one after the other and each prompt in the other order than the last, so that processor time is an arm's own; the judge
/// scores both answers.
/// </summary>
internal sealed class CompareRun : IDisposable
{
    private readonly CompareSettings _settings;
    private readonly BatchHost _host;
    private readonly ComparedArm _a;
    private readonly ComparedArm _b;
    private readonly Judge _judge;
    private readonly ArmGenerator _generator;
    private readonly List<(int Line, string Reason)> _refused = [];

    /// <exception cref="ModelException">A model is missing or does not load.</exception>
    /// <exception cref="ScorerException">A scorer cannot be loaded.</exception>
    public CompareRun(CompareSettings settings, BatchHost host)
    {
        _settings = settings;
        _host = host;
        var store = host.Service<ModelStore>();
        var (models, onnx, inference) = (Options<ModelOptions>(), Options<OnnxOptions>(), Options<InferenceOptions>());
        _judge = Judge.Open(settings.Judge, store, host.Scorecards, host.Scoring, onnx);
        _a = ComparedArm.Load(settings.A, settings.Candidates, store, models, onnx, inference);
        _b = ComparedArm.Load(settings.B, settings.Candidates, store, models, onnx, inference);
        _generator = new ArmGenerator(host.Service<GenerationRouter>(), host.Service<BestOfNGenerator>(), host.Service<DirectGenerator>(), TimeProvider.System);
    }

    public string A => _a.Name;

    public string B => _b.Name;

    /// <summary>Prompts that an arm refused so far (too long for its context), with the reasons: they have no pair.</summary>
    public IReadOnlyList<(int Line, string Reason)> Refused => _refused;

    /// <summary>The pairs, in the order of the prompts; B is the candidate, A the baseline.</summary>
    public async IAsyncEnumerable<Pair> PairsAsync(
        IReadOnlyList<ComparedPrompt> prompts, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var maker = new PairMaker(_judge, _host.Scorecards);
        for (var i = 0; i < prompts.Count; i++)
        {
            var request = new GenerationRequest
            {
                Kind = AnswerKind.Chat,
                Model = "",
                Prompts = [prompts[i].Prompt],
                Sampling = new SamplingParameters { Temperature = _settings.Temperature, TopP = _settings.TopP, MaxTokens = _settings.MaxTokens },
                Store = false,
            };
            var seed = unchecked((ulong)(_settings.Seed + i));
            ComparedArm[] order = i % 2 == 0 ? [_a, _b] : [_b, _a];
            if (await AnswersAsync(request, order, seed, prompts[i].Line, cancellationToken) is { } answers)
            {
                yield return await maker.PairAsync(
                    (i + 1).ToString(CultureInfo.InvariantCulture), TimeProvider.System.GetUtcNow(), (answers[_b], _b.Name), (answers[_a], _a.Name), cancellationToken);
            }
        }
    }

    public void Dispose()
    {
        _judge.Dispose();
        _a.Dispose();
        _b.Dispose();
    }

    /// <summary>The arms' answers to one prompt; null when one refuses it.</summary>
    private async Task<Dictionary<ComparedArm, ArmAnswer>?> AnswersAsync(
        GenerationRequest request, ComparedArm[] order, ulong seed, int line, CancellationToken cancellationToken)
    {
        try
        {
            var answers = new Dictionary<ComparedArm, ArmAnswer>();
            foreach (var arm in order)
            {
                answers[arm] = await AnswerAsync(request, arm, seed, cancellationToken);
            }

            return answers;
        }
        catch (Exception e) when (e is InvalidRequestException or ApiException { Error.Status: 400 })
        {
            _refused.Add((line, e.Message));
            return null;
        }
    }

    private async Task<ArmAnswer> AnswerAsync(GenerationRequest request, ComparedArm arm, ulong seed, CancellationToken cancellationToken)
    {
        var before = Environment.CpuUsage.TotalTime;
        var answer = await _generator.AnswerAsync(request, arm.Candidates, seed, arm.Acquire(), cancellationToken);
        return answer with { Processor = Environment.CpuUsage.TotalTime - before };
    }

    private T Options<T>()
        where T : class => _host.Service<IOptions<T>>().Value;
}
