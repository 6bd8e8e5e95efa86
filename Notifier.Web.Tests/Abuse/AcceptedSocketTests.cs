using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>TCP connections of one address, whatever is sent on them.</summary>
public sealed class AcceptedSocketTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int Half = 501;

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task One_address_cannot_have_all_tcp_connections_and_others_are_served()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=2");
        var silent = await OpenAsync(app, 1_100);
        using var same = await OpenRequest.GetAsync(app.Address, "/notifier.lua");
        using var other = await OpenRequest.GetAsync(app.Address, "/notifier.lua", from: "127.0.0.2");

        (await same.ReadToEndAsync()).Should().BeEmpty("the address has half of the connections that the node accepts");
        (await other.ReadToEndAsync()).Should().StartWith("HTTP/1.1 200");
        app.Log.Says($"their address has {Half} already").Should().BeTrue();

        AbuseTable.Add("TCP connections on which it sends nothing", "half of those that the node accepts; others are served", $"{Half} of {2 * Half}");
        silent.ForEach(static socket => socket.Dispose());
        await Eventually.IsAsync(
            async () =>
            {
                using var again = await OpenRequest.GetAsync(app.Address, "/notifier.lua");
                return (await again.ReadToEndAsync()).StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
            },
            "closed connections make room");
    }

    [Fact]
    public async Task A_configured_proxy_may_have_all_tcp_connections()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Limits:Connections=2", "ForwardedHeaders:KnownNetworks:0=127.0.0.0/8"]);
        var silent = await OpenAsync(app, 900);
        using var further = await OpenRequest.GetAsync(app.Address, "/notifier.lua");

        (await further.ReadToEndAsync()).Should().StartWith("HTTP/1.1 200");
        silent.ForEach(static socket => socket.Dispose());
    }

    private static async Task<List<OpenRequest>> OpenAsync(NotifierApp app, int count)
    {
        var open = new List<OpenRequest>();
        while (open.Count < count)
            open.Add(await OpenRequest.SendAsync(app.Address, ""));
        return open;
    }
}
