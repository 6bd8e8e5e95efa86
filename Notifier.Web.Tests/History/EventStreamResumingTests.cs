using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>An event stream reconnects with the position of the last message that it received, and misses no message.</summary>
public sealed class EventStreamResumingTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_event_stream_resumes_one_name_by_last_event_id_and_several_names_by_after()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        var one = (string)(await keeper.SubscribeAsync("channel", "resume.sse1"))["position"]!;
        await keeper.SubscribeAsync("channel", "resume.sse2");
        await PublishAsync("resume.sse1", 3);
        await keeper.ReadNumbersAsync(0, 3);
        using var http = new HttpClient();

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/events?channel=resume.sse1"));
        request.Headers.Add("Last-Event-ID", one);
        using var single = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var events = await ReadEventsAsync(single, 4);
        events[0].Should().Contain("\"recovered\":true");
        events[1..].Select(static said => (string?)JsonNode.Parse(said)!["data"]).Should().Equal("0", "1", "2");

        using var several = await http.GetAsync(
            new Uri(app.Address, $"/events?channel=resume.sse2&channel=resume.sse1&after=&after={one}"), HttpCompletionOption.ResponseHeadersRead);
        events = await ReadEventsAsync(several, 5);
        events.Count(static said => said.Contains("\"type\":\"message\"", StringComparison.Ordinal)).Should().Be(3);
        events.Should().ContainSingle(static said => said.Contains("\"recovered\"", StringComparison.Ordinal))
            .Which.Should().Contain("resume.sse1").And.Contain("\"recovered\":true");
    }

    /// <summary>Some replacements for EventSource cannot set a header. Without this, they lose messages silently: durable ones, too.</summary>
    [Theory]
    [InlineData("lastEventId")]
    [InlineData("evs_last_event_id")]
    public async Task A_position_in_the_address_equals_the_header_last_event_id(string parameter)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        var start = (string)(await keeper.SubscribeAsync("channel", "resume.query"))["position"]!;
        await PublishAsync("resume.query", 3);
        var middle = (string)(await keeper.ReadNumbersAsync(0, 2))["position"]!;

        using var byQuery = await EventClient.OpenAsync(app, $"?channel=resume.query&after=abc.1&{parameter}={middle}");
        using var byHeader = await EventClient.OpenAsync(app, $"?channel=resume.query&{parameter}={start}", headers: ("Last-Event-ID", middle));
        using var unknown = await EventClient.OpenAsync(app, $"?channel=resume.query&{parameter}=abc.1");
        using var empty = await EventClient.OpenAsync(app, $"?channel=resume.query&{parameter}=");

        foreach (var client in new[] { byQuery, byHeader })
        {
            (await client.NextAsync()).Bare().Should().Be("""{"type":"subscribed","channel":"resume.query","recovered":true}""");
            ((string?)(await client.NextAsync())["data"]).Should().Be("2");
        }
        ((string?)(await unknown.NextAsync())["code"]).Should().Be("elsewhere");
        (await empty.NextAsync()).Bare().Should().Be("""{"type":"subscribed","channel":"resume.query"}""");
    }

    [Fact]
    public async Task An_event_stream_begins_with_the_last_messages_of_each_name_that_requests_them()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.sselast");
        await PublishAsync("resume.sselast", 5);
        await keeper.ReadNumbersAsync(0, 5);

        using var events = await EventClient.OpenAsync(app, "?channel=resume.none&channel=resume.sselast&last=&last=2");
        var said = new[] { await events.NextAsync(), await events.NextAsync(), await events.NextAsync(), await events.NextAsync() };
        said.Select(static one => (string?)one["data"]).Where(static data => data is not null).Should().Equal("3", "4");
        using var wrong = await EventClient.OpenAsync(app, "?channel=resume.sselast&last=-1");
        wrong.Response.StatusCode.Should().Be(System.Net.HttpStatusCode.BadRequest);
        (await wrong.ReadAllAsync()).Should().Contain("last must be a number of messages");
    }

    private static async Task<List<string>> ReadEventsAsync(HttpResponseMessage answer, int count)
    {
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var events = new List<string>();
        while (events.Count < count)
        {
            var line = await reader.ReadLineAsync().WaitAsync(Eventually.Limit);
            if (line!.StartsWith("data: ", StringComparison.Ordinal))
                events.Add(line["data: ".Length..]);
        }
        return events;
    }

    private Task PublishAsync(string channel, int count) =>
        Redis.PublishAllAsync(channel, Enumerable.Range(0, count).Select(static n => (StackExchange.Redis.RedisValue)$"{n}"));
}
