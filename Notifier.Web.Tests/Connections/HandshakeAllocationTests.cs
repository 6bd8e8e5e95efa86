using System.Net.WebSockets;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>
/// When a node restarts, all its clients connect at once, and garbage collection takes a part of the processor that grows with what each handshake allocates. Most
/// of that is ASP.NET Core's. This test limits what Notifier adds.
/// </summary>
[Collection(RunsAlone.Name)]
public sealed class HandshakeAllocationTests
{
    private const int Handshakes = 500;

    /// <summary>Bytes: the connection with its limits and counters, its subscription, and what reads its frames.</summary>
    private const int MostOfNotifier = 5_000;

    [Fact]
    public async Task A_handshake_with_a_name_allocates_little_more_than_that_of_a_bare_server()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["Limits:RequestsPerSecond=1000000", "Limits:ConnectionsPerAddress=100000"]);
        await using var bare = await StartBareAsync();
        var address = bare.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        var ofBare = await AllocatedByAsync(new UriBuilder(address) { Scheme = "ws" }.Uri);
        var ofNotifier = await AllocatedByAsync(app.WebSocketAddress());

        (ofNotifier - ofBare).Should().BeLessThan(MostOfNotifier);
    }

    /// <summary>Client and server run in this process, so both sums contain the same client.</summary>
    private static async Task<long> AllocatedByAsync(Uri server)
    {
        await ConnectAsync(server);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await ConnectAsync(server);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / Handshakes;
    }

    private static async Task ConnectAsync(Uri server)
    {
        for (var n = 0; n < Handshakes; n++)
        {
            await using var client = await RawWebSocket.ConnectAsync(server);
            await client.SendTextAsync("orders");
            await client.SendCloseAsync(1000);
            await client.ReadUntilCloseAsync();
        }
    }

    /// <summary>The shortest server that reads from a WebSocket until the client closes it.</summary>
    private static async Task<WebApplication> StartBareAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(static async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[256];
            WebSocketReceiveResult received;
            do
                received = await socket.ReceiveAsync(buffer, CancellationToken.None);
            while (received.MessageType != WebSocketMessageType.Close);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        });
        await app.StartAsync();
        return app;
    }
}
