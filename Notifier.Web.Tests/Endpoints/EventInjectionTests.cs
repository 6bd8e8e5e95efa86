using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>A publisher cannot forge an event of the server.</summary>
public sealed class EventInjectionTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("x\n\nid: forged\ndata: {}\n\n")]
    [InlineData("x\r\rretry: 1\rdata: {}\r\r")]
    [InlineData("x\r\n\r\nevent: error\r\n\r\n")]
    public async Task A_payload_that_looks_like_an_event_stays_a_payload(string payload)
    {
        var redis = fixture.Redis;
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var http = new HttpClient();
        using var events = new StreamReader(await http.GetStreamAsync(new Uri(app.Address, "/events?channel=injected")));
        await redis.WhenChannelIsLiveAsync(app, "injected");
        await redis.PublishAsync("injected", payload);

        string? line;
        do
        {
            line = await events.ReadLineAsync().WaitAsync(Eventually.Limit);
            line.Should().Match(static text => text.Length == 0 || text == ":" || text == "retry: 3000" || text.StartsWith("id: ") || text.StartsWith("data: {\"type\":"))
                .And.NotBe("id: forged");
        }
        while (!line!.Contains("\"message\"", StringComparison.Ordinal));

        ((string?)System.Text.Json.Nodes.JsonNode.Parse(line["data: ".Length..])!["data"]).Should().Be(payload);
    }
}
