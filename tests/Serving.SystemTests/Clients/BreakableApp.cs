using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Serving.Testing;

namespace Serving.SystemTests.Clients;

/// <summary>A server whose clock stands still: moving it past the deadline breaks every stream that is under way.</summary>
internal static class BreakableApp
{
    public static Task<ServingApp> StartAsync(TimeProvider time, CancellationToken cancellationToken) => new ServingApp(
        publish: store =>
        {
            var config = TinyPolicy.Config with { MaxPositions = 4096 };
            TinyPolicy.Publish(store, "anchor", config, seed: 1);
            TinyPolicy.Publish(store, "student", config, seed: 2);
            TinyScorer.PublishBoth(store);
        },
        services: services => services.Replace(ServiceDescriptor.Singleton(time))).ReadyAsync(cancellationToken);
}
