using System.Diagnostics;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Trainer.Tests.Lab;

/// <summary>The verb as a process of its own.</summary>
public sealed class LabCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_prints_the_result_as_one_json_object_and_nothing_else()
    {
        var (code, output, errors) = await RunAsync(
            """{"vocab": 3, "length": 1, "reference": [0.5, 0.3, 0.2], "rewards": [0, 1, 2], "n": 2, "objective": "j-bond", "gamma": 1, "steps": 200}""");

        Assert.Equal((0, ""), (code, errors));
        var result = JsonNode.Parse(output)!.AsObject();
        Assert.Equal(
            [
                "probabilities", "best_of_n", "expected_reward", "kl_to_reference", "kl_from_best_of_n", "kl_to_best_of_n", "jeffreys_to_best_of_n",
            ],
            result.Select(member => member.Key));
        Assert.Equal(.397955, (double)result["probabilities"]![0]!, 1e-5);
        Assert.Equal(.36, (double)result["best_of_n"]![2]!, 1e-12);
        Assert.Equal(.8607, (double)result["expected_reward"]!, 1e-4);
    }

    [Fact]
    public async Task A_bad_problem_is_one_line_on_the_error_stream_and_exit_code_1()
    {
        var (code, output, errors) = await RunAsync("""{"vocab": 3, "length": 1, "reference": [0.5, 0.3, 0.3], "rewards": [0, 1, 2], "n": 2, "objective": "j-bond"}""");

        Assert.Equal((1, ""), (code, output));
        Assert.Equal("error: \"reference\" sums to 1.1; the probabilities of the tokens must sum to 1.", errors.Trim());
    }

    private async Task<(int Code, string Output, string Errors)> RunAsync(string problem)
    {
        var token = TestContext.Current.CancellationToken;
        await File.WriteAllTextAsync(_folder.File("problem.json"), problem, token);
        using var process = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Serving.Trainer.dll"), "lab", "--problem", _folder.File("problem.json")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync(token);
        var errors = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        return (process.ExitCode, await output, await errors);
    }
}
