using Serving.Models;
using Serving.Trainer.Policy;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Likelihood;

/// <summary>
/// The likelihood scorer that ONNX Runtime serves, as a TorchSharp module over the same weights: a policy, and a head over its states and log-probabilities
/// at the tokens of an answer, with and without the source. Owns the policy. Parameters are fp32; products run in <see cref="ComputeType"/>.
/// Used from one thread (dispose scopes are thread-static).
/// </summary>
public sealed class LikelihoodModule : Module<Tensor, Tensor, Tensor, Tensor>
{
    /// <summary>Weight, at the start, of the mean log-probability and of its difference to that without the source.</summary>
    private const double StartWeight = 0.5;

    /// <summary>A random head on a policy: normal with s.d. 0.02, biases zero; the favoured label starts with known weights on both mean likelihoods.</summary>
    /// <param name="config">Its decoder is the policy's config.</param>
    /// <param name="policy">Belongs to this module from now on.</param>
    /// <param name="seed">Of the head.</param>
    public LikelihoodModule(LikelihoodConfig config, PolicyModule policy, ulong seed = 0)
        : base("likelihood")
    {
        Config = config;
        Policy = policy;
        var precision = policy.Embedding.dtype;
        using var generator = new Generator(seed);
        TokenWeight = Weights.Normal(generator, 0.02, precision, config.HeadSize, config.TokenWidth);
        TokenBias = Weights.Zeros(config.HeadSize, precision);
        AnswerWeight = Weights.Normal(generator, 0.02, precision, config.HeadSize, config.AnswerWidth);
        AnswerBias = Weights.Zeros(config.HeadSize, precision);
        LabelWeight = Weights.Normal(generator, 0.02, precision, config.Labels.Count, config.LabelWidth);
        LabelBias = Weights.Zeros(config.Labels.Count, precision);
        using (no_grad())
        {
            foreach (var feature in (int[])[0, 2])
            {
                LabelWeight[config.FavouredLabel, (2 * config.HeadSize) + feature] = StartWeight;
            }
        }

        register_module("policy", policy);
        register_parameter("token_weight", TokenWeight);
        register_parameter("token_bias", TokenBias);
        register_parameter("answer_weight", AnswerWeight);
        register_parameter("answer_bias", AnswerBias);
        register_parameter("label_weight", LabelWeight);
        register_parameter("label_bias", LabelBias);
    }

    public LikelihoodConfig Config { get; }

    public PolicyModule Policy { get; }

    /// <summary>float32, or bfloat16 for products.</summary>
    public ScalarType ComputeType
    {
        get => Policy.ComputeType;
        set => Policy.ComputeType = value;
    }

    /// <summary>Those of the policy.</summary>
    public IEnumerable<Parameter> DecoderParameters => Policy.parameters();

    public IEnumerable<Parameter> HeadParameters => [TokenWeight, TokenBias, AnswerWeight, AnswerBias, LabelWeight, LabelBias];

    /// <summary>[m, 2 d + 6].</summary>
    internal Parameter TokenWeight { get; }

    internal Parameter TokenBias { get; }

    /// <summary>[m, 2 m + 5].</summary>
    internal Parameter AnswerWeight { get; }

    internal Parameter AnswerBias { get; }

    /// <summary>[labels, 3 m + 5].</summary>
    internal Parameter LabelWeight { get; }

    internal Parameter LabelBias { get; }

    /// <summary>A scorer that starts from a trained policy, which belongs to it from now on.</summary>
    public static LikelihoodModule FromPolicy(PolicyModule policy, IReadOnlyList<string> labels, int headSize = 128, ulong seed = 0, int padTokenId = 0) =>
        new(new LikelihoodConfig { Decoder = policy.Config, Labels = labels, HeadSize = headSize, PadTokenId = padTokenId }, policy, seed);

    /// <summary>
    /// Logits of one pair per row, as <see cref="Scoring.PairEncoder"/> packs it: ids [B, T] int64, types [B, T] int64, mask [B, T] bool (true = a token, not
    /// padding) to [B, labels].
    /// </summary>
    public override Tensor forward(Tensor ids, Tensor types, Tensor mask)
    {
        using var batch = LikelihoodBatch.OfRows(ids, types, mask);
        return forward(batch);
    }

    /// <summary>Logits of every pair of a batch, in the order of its pairs: [S, labels].</summary>
    public Tensor forward(LikelihoodBatch batch)
    {
        var hidden = Hidden(batch);
        var (with, without) = LogProbs(hidden, batch);
        var overlap = batch.Overlap.to(hidden.dtype);
        var difference = with - without;
        var likelihood = stack([with, without, difference, with * overlap, without * overlap], 1);
        var numbers = cat([likelihood * LikelihoodConfig.LogProbScale, overlap.unsqueeze(1)], 1);
        var features = cat([hidden.index_select(0, batch.Predicting), hidden.index_select(0, batch.Read), numbers], 1);           // [R, 2 d + 6]
        var tokens = batch.PerAnswer(functional.gelu(Weights.Linear(Weights.Drop(features, Policy.Dropout), TokenWeight, ComputeType, TokenBias)));             // [S, A, m]
        var likelihoods = batch.PerAnswer(stack([with, difference, overlap], 1));                                                // [S, A, 3]
        var means = batch.Mean(likelihoods);
        var least = batch.Most(likelihoods.neg()).neg();
        Tensor[] pooled =
        [
            batch.Mean(tokens), batch.Most(tokens),
            means.narrow(1, 0, 1), least.narrow(1, 0, 1), means.narrow(1, 1, 1), least.narrow(1, 1, 1), means.narrow(1, 2, 1),
        ];
        var answers = Weights.Drop(cat(pooled, 1), Policy.Dropout);
        var judged = cat([answers, functional.gelu(functional.linear(answers, AnswerWeight, AnswerBias))], 1);
        return functional.linear(judged, LabelWeight, LabelBias);
    }

    /// <summary>log p of every token of the answers with the source before it, and without: [R] each, answer by answer.</summary>
    public (Tensor With, Tensor Without) LogProbs(LikelihoodBatch batch) => LogProbs(Hidden(batch), batch);

    private Tensor Hidden(LikelihoodBatch batch) => Policy.forward(batch.Ids, batch.Positions, batch.Mask).reshape(-1, Policy.Config.HiddenSize);

    /// <summary>From states [N T, d]: only the R positions of either part reach the output projection.</summary>
    private (Tensor With, Tensor Without) LogProbs(Tensor hidden, LikelihoodBatch batch)
    {
        var both = hidden.index_select(0, cat([batch.Predicting, batch.PredictingAlone], 0));
        var parts = Policy.SelectedLogProbs(both, cat([batch.Targets, batch.Targets], 0)).chunk(2, 0);
        return (parts[0], parts[1]);
    }
}
