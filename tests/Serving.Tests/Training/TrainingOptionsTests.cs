using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Testing;
using Serving.Training;

namespace Serving.Tests.Training;

public sealed class TrainingOptionsTests
{
    [Fact]
    public async Task The_settings_that_come_with_the_server_train_and_those_of_a_host_without_them_do_not()
    {
        await using var app = new ServingApp(new Dictionary<string, string> { ["Trainer:Mode"] = "Supervised", ["Trainer:Program"] = "/nowhere.dll" });

        Assert.Equal(TrainerMode.Off, new TrainingOptions().Mode);
        Assert.Contains("\"Mode\": \"Supervised\"", File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json")), StringComparison.Ordinal);
        Assert.Equal(TrainerMode.Supervised, app.Services.GetRequiredService<IOptions<TrainingOptions>>().Value.Mode);
        while (!app.Log.Lines.Any(line => line.Contains("No trainer: there is no /nowhere.dll", StringComparison.Ordinal)))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData("Trainer:Mode", "Sometimes", "Trainer:Mode")]
    [InlineData("Trainer:MinNewEpisodes", "0", "TrainingOptions.MinNewEpisodes must be between 1")]
    [InlineData("Trainer:LongestRestartDelay", "00:00:01", "must not be shorter than Trainer:RestartDelay")]
    public void A_setting_that_cannot_be_stops_the_start(string key, string value, string expected)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new(key, value)]);
        builder.AddTraining();
        using var host = builder.Build();

        var error = Assert.ThrowsAny<Exception>(() => host.Services.GetRequiredService<IOptions<TrainingOptions>>().Value);

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
