using System.Net;
using System.Net.Sockets;

namespace Serving.SystemTests.Clients;

/// <summary>Stands between a client and a server and loses the first answer: its connection breaks once that answer has begun to come. Later ones pass.</summary>
internal sealed class LossyProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _server;
    private readonly Task _work;

    public LossyProxy(Uri server)
    {
        _server = server;
        _listener.Start();
        _work = RunAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        try
        {
            _work.Wait();
        }
        catch (AggregateException)                                     // the connections that were still open
        {
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var relays = new List<Task>();
        for (var connection = 0; !_stop.IsCancellationRequested; connection++)
        {
            relays.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token), loses: connection == 0));
        }

        await Task.WhenAll(relays);
    }

    private async Task RelayAsync(TcpClient client, bool loses)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(_server.Host, _server.Port, _stop.Token);
            var up = client.GetStream().CopyToAsync(server.GetStream(), _stop.Token);
            if (loses)
            {
                await server.GetStream().ReadExactlyAsync(new byte[1], _stop.Token);
                client.LingerState = new LingerOption(enable: true, seconds: 0);
                return;
            }

            await Task.WhenAny(up, server.GetStream().CopyToAsync(client.GetStream(), _stop.Token));
        }
    }
}
