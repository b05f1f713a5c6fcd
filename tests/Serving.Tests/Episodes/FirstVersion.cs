using Serving.Episodes;

namespace Serving.Tests.Episodes;

/// <summary>A shard as the first version of the format wrote it. Never make it anew: users have such files.</summary>
internal static class FirstVersion
{
    private const string Base64 =
        "9wgAAAAAAAAuKdCZCvQRCh0KDGFnZW50X2RpZ2VzdBINCgsKCXNoYTI1NjowMQoYCghhZ2VudF9pZBIMCgoKCGFuY2hvckAzCg8KBmNob3NlbhIFGgMKAQ"
        + "EKIAoPY3JlYXRlZF91bml4X25zEg0aCwoJvJmz3vSzk8gYCiEKEmVudmlyb25tZW50X2NvbmZpZxILCgkKB2RlZmF1bHQKIwoSZW52aXJvbm1lbnRfZGln"
        + "ZXN0Eg0KCwoJc2hhMjU2OjAyCh8KCmVwaXNvZGVfaWQSEQoPCg1jaGF0Y21wbC0wMTk3ChoKDWV4cGVyaW1lbnRfaWQSCQoHCgVhcm0tYgoUCgtpbmRlcG"
        + "VuZGVudBIFGgMKAQEKEAoHaW52YWxpZBIFGgMKAQAKJwoQcmVxdWVzdF9tZXRhZGF0YRITChEKD3sidXNlciI6InXigKgifQoWCgRzZWVkEg4aDAoK////"
        + "////////AQrYAQoVc3RlcHMvYWN0aW9uL2xvZ3Byb2JzEr4BCrsBCqsBeAEBoABf/wAAAAAlSRK+JUmSvrdt274lSRK/bts2v7dtW78AAIC/JUmSv0mSpL"
        + "9u27a/kiTJv7dt27/btu2/AAAAwJIkCcAlSRLAt20bwEmSJMDbti3Abts2wAAAQMCSJEnAJUlSwLdtW8BJkmTA27ZtwG7bdsAAAIDASZKEwJIkicDbto3A"
        + "JUmSwG7blsC3bZvAAACgwEmSpMCSJKnA27atwCVJssB35E8SCgt4AQEAAP//AAAAAQrgAQodc3RlcHMvYWN0aW9uL3NhbXBsZWRfbG9ncHJvYnMSvgEKuw"
        + "EKqwF4AQGgAF//AAAAADmO4705jmO+q6qqvjmO477kOA6/q6oqv3IcR785jmO/AACAv+Q4jr/HcZy/q6qqv47juL9yHMe/VVXVvzmO478cx/G/AAAAwHIc"
        + "B8DkOA7AVVUVwMdxHMA5jiPAq6oqwBzHMcCO4zjAAABAwHIcR8DkOE7AVVVVwMdxXMA5jmPAq6pqwBzHccCO43jAAACAwDmOg8ByHIfAq6qKwNJMT7YKC3"
        + "gBAQAA//8AAAABCiEKEXN0ZXBzL2FjdGlvbi90ZXh0EgwKCgoGdG9vbAAKCgAKcwoTc3RlcHMvYWN0aW9uL3Rva2VucxJcCloKS3heBcEJAkIAAACwPVaO"
        + "JBKVSoRQPt0WYIcQEWIk2CPFARmOyFHghBJnVKhxwRU3NLjjgSdavNChxxsDRkz4YMaCFV/8sOEPqLsSrQoLeAEBAAD//wAAAAEKOwoZc3RlcHMvY2FuZG"
        + "lkYXRlcy9maW5pc2hlZBIeChwKDXgBAQIA/f8AAQADAAIKC3gBAQAA//8AAAABCkAKGHN0ZXBzL2NhbmRpZGF0ZXMvbGVuZ3RocxIkCiIKE3gBAQgA9/8A"
        + "AAAAKAAAAACoACkKC3gBAQAA//8AAAABCtwBChlzdGVwcy9jYW5kaWRhdGVzL2xvZ3Byb2JzEr4BCrsBCqsBeAEBoABf/wAAAAAlSRK+JUmSvrdt274lSR"
        + "K/bts2v7dtW78AAIC/JUmSv0mSpL9u27a/kiTJv7dt27/btu2/AAAAwJIkCcAlSRLAt20bwEmSJMDbti3Abts2wAAAQMCSJEnAJUlSwLdtW8BJkmTA27Zt"
        + "wG7bdsAAAIDASZKEwJIkicDbto3AJUmSwG7blsC3bZvAAACgwEmSpMCSJKnA27atwCVJssB35E8SCgt4AQEAAP//AAAAAQrkAQohc3RlcHMvY2FuZGlkYX"
        + "Rlcy9zYW1wbGVkX2xvZ3Byb2JzEr4BCrsBCqsBeAEBoABf/wAAAAA5juO9OY5jvquqqr45juO+5DgOv6uqKr9yHEe/OY5jvwAAgL/kOI6/x3Gcv6uqqr+O"
        + "47i/chzHv1VV1b85juO/HMfxvwAAAMByHAfA5DgOwFVVFcDHcRzAOY4jwKuqKsAcxzHAjuM4wAAAQMByHEfA5DhOwFVVVcDHcVzAOY5jwKuqasAcx3HAju"
        + "N4wAAAgMA5joPAchyHwKuqisDSTE+2Cgt4AQEAAP//AAAAAQo/ChxzdGVwcy9jYW5kaWRhdGVzL3Njb3JlX25hbWVzEh8KHQoXWyJyZXdhcmQiLCJlbnRh"
        + "aWxtZW50Il0KAltdCkcKF3N0ZXBzL2NhbmRpZGF0ZXMvc2NvcmVzEiwKKgobeAEBEADv/wAAwP8AAACAAADAPwAAgL4jfAR9Cgt4AQEAAP//AAAAAQo5Ch"
        + "ZzdGVwcy9jYW5kaWRhdGVzL3RleHRzEh8KHQoXWyIiLCJ0b29sXHUwMDAwXHUwMDBhIl0KAltdCncKF3N0ZXBzL2NhbmRpZGF0ZXMvdG9rZW5zElwKWgpL"
        + "eF4FwQkCQgAAALA9Vo4kEpVKhFA+3RZghxARYiTYI8UBGY7IUeCEEmdUqHHBFTc0uOOBJ1q80KHHGwNGTPhgxoIVX/yw4Q+ouxKtCgt4AQEAAP//AAAAAQ"
        + "pHChdzdGVwcy9jYW5kaWRhdGVzL3RvdGFscxIsCioKG3gBARAA7/8AAAAAAADw/5qZmZmZmbk/J9kGfwoLeAEBAAD//wAAAAEKHgoOc3RlcHMvZGlzY291"
        + "bnQSDBIKCggAAAAAAAAAAAoYCg5zdGVwcy9pc19maXJzdBIGGgQKAgEAChcKDXN0ZXBzL2lzX2xhc3QSBhoECgIAAQobChFzdGVwcy9pc190ZXJtaW5hbB"
        + "IGGgQKAgABCi0KGHN0ZXBzL29ic2VydmF0aW9uL3NvdXJjZRIRCg8KC0EgdG9vbCDwn5iACgAKMwoWc3RlcHMvb2JzZXJ2YXRpb24vdGV4dBIZChcKEzxz"
        + "PkEgdG9vbCDwn5iAPHN1bT4KAApIChhzdGVwcy9vYnNlcnZhdGlvbi90b2tlbnMSLAoqCht4AQEQAO//AQAAAPQBAAAUAAAAAwAAAAxHAQ4KC3gBAQAA//"
        + "8AAAABChwKDHN0ZXBzL3Jld2FyZBIMEgoKCM3MzD0AAAAAChcKC3RlbXBlcmF0dXJlEggSBgoEMzMzPwoOCgV0b3BfaxIFGgMKASgKEQoFdG9wX3ASCBIG"
        + "CgQzM3M/HTRlRg==";

    public static byte[] Shard() => Convert.FromBase64String(Base64);

    public static Episode Episode() => new()
    {
        Id = "chatcmpl-0197",
        Created = DateTimeOffset.UnixEpoch.AddTicks(17_700_000_001_234_567),
        Policy = "anchor@3",
        PolicyDigest = "sha256:01",
        Scorecard = "default",
        ScorecardDigest = "sha256:02",
        Source = "A tool 😀",
        Prompt = "<s>A tool 😀<sum>",
        PromptTokens = [1, 500, 20, 3],
        Seed = ulong.MaxValue,
        Temperature = 0.7f,
        TopK = 40,
        TopP = 0.95f,
        Chosen = 1,
        Independent = true,
        Experiment = "arm-b",
        Invalid = false,
        Metadata = new Dictionary<string, string> { ["user"] = "u\u2028" },
        Candidates =
        [
            new EpisodeCandidate
            {
                Text = "",
                Tokens = [],
                LogProbs = [],
                SampledLogProbs = [],
                Finished = false,
                Total = double.NegativeInfinity,
                Scores = [KeyValuePair.Create("reward", float.NaN), KeyValuePair.Create("entailment", -0f)],
            },
            new EpisodeCandidate
            {
                Text = "tool\0\n",
                Tokens = [.. Enumerable.Range(100, 40)],
                LogProbs = [.. Enumerable.Range(0, 40).Select(i => -i / 7f)],
                SampledLogProbs = [.. Enumerable.Range(0, 40).Select(i => -i / 9f)],
                Finished = true,
                Total = 0.1,
                Scores = [KeyValuePair.Create("reward", 1.5f), KeyValuePair.Create("entailment", -0.25f)],
            },
        ],
    };
}
