using Serving.Models;

namespace Serving.Import;

/// <summary>What an import has made.</summary>
/// <param name="Version">The new version.</param>
/// <param name="Family">"Llama", "Qwen2", ..., or "BERT" of a scorer.</param>
/// <param name="Parameters">Values of all tensors that the config calls for.</param>
/// <param name="DTypes">Their dtypes, sorted; empty when the graph came with the folder.</param>
internal sealed record ImportReport(ModelFolder Version, string Family, long Parameters, IReadOnlyList<string> DTypes);
