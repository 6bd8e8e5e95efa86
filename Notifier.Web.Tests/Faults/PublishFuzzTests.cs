using System.Text;
using System.Text.Json;
using CsCheck;
using FluentAssertions;
using Notifier.Tests.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Whatever a backend posts to <c>/publish</c>, Notifier publishes exactly that, or rejects it and publishes nothing.</summary>
public sealed class PublishFuzzTests(ITestOutputHelper output) : IAsyncLifetime
{
    private FuzzTarget target = null!;
    private int number;

    public async Task InitializeAsync() => target = await FuzzTarget.StartAsync();

    public async Task DisposeAsync() => await target.DisposeAsync();

    [Fact]
    public async Task Any_message_published_over_http_arrives_byte_for_byte_or_is_rejected_and_nothing_else_arrives()
    {
        var oracle = await PlainRedisClient.ConnectAsync(target.Redis.Port);
        await oracle.SendAsync("PSUBSCRIBE", "*");
        await oracle.ReadAsync();
        using var http = new HttpClient();
        var statuses = new SortedDictionary<int, int>();

        await Gen.Select(Fuzz.Channel, Fuzz.Payload).SampleAsync(
            async (channel, payload) =>
            {
                using var body = new ByteArrayContent(payload);
                using var answer = await http.PostAsync(new Uri(target.App.Address, $"/publish/{string.Concat(channel.Select(static b => $"%{b:X2}"))}"), body);
                var arrived = await WhatArrivedAsync(oracle);

                var status = (int)answer.StatusCode;
                statuses[status] = statuses.GetValueOrDefault(status) + 1;
                // A URL cannot express these two: URL libraries treat them as path segments (RFC 3986, 5.2.4), which lead to /publish/ and to /.
                _ = Encoding.UTF8.GetString(channel) switch
                {
                    "." => status.Should().Be(400),
                    ".." => status.Should().Be(426),
                    _ => status.Should().BeOneOf(200, 400, 403),
                };
                if (status == 200)
                    arrived.Should().ContainSingle().Which.Should().BeEquivalentTo((channel, payload));
                else
                    arrived.Should().BeEmpty();
            },
            iter: 1_000, time: Fuzz.Seconds, threads: 1, print: static asked => Fuzz.Show([asked.Item1, asked.Item2]));

        output.WriteLine(string.Join(", ", statuses.Select(static pair => $"{pair.Key}: {pair.Value}")));
        statuses.Keys.Should().Contain(200).And.Contain(400);
        await oracle.DisposeAsync();
        await target.Leaks.NothingIsLeftAsync();
    }

    /// <summary>An hour of fuzzing found this.</summary>
    [Fact]
    public async Task A_channel_that_a_url_cannot_express_can_be_published_in_a_body()
    {
        await using var listener = await JsonClient.ConnectAsync(target.App);
        await listener.SubscribeAsync("channel", "..");
        using var http = new HttpClient();

        using var body = new StringContent("""[{"channel":"..","data":"here"}]""");
        using var inBody = await http.PostAsync(new Uri(target.App.Address, "/publish"), body);
        using var again = new StringContent("here");
        using var inAddress = await http.PostAsync(new Uri(target.App.Address, "/publish/%2E%2E"), again);

        inBody.StatusCode.Should().Be(System.Net.HttpStatusCode.OK);
        inAddress.StatusCode.Should().Be(System.Net.HttpStatusCode.UpgradeRequired, "the URL library makes it /");
        ((string?)(await listener.ReadAsync())["data"]).Should().Be("here");
    }

    [Fact]
    public async Task A_batch_with_any_body_is_published_completely_or_not_at_all()
    {
        var oracle = await PlainRedisClient.ConnectAsync(target.Redis.Port);
        await oracle.SendAsync("PSUBSCRIBE", "*");
        await oracle.ReadAsync();
        using var http = new HttpClient();
        var statuses = new SortedDictionary<int, int>();

        await Fuzz.Messages.SampleAsync(
            async messages =>
            {
                using var body = new ByteArrayContent(messages);
                using var answer = await http.PostAsync(new Uri(target.App.Address, "/publish"), body);
                var arrived = await WhatArrivedAsync(oracle);

                var status = (int)answer.StatusCode;
                statuses[status] = statuses.GetValueOrDefault(status) + 1;
                status.Should().BeOneOf(200, 400, 403);
                if (status == 200)
                {
                    // Not a JsonNode, because that rejects a duplicate key. The server ignores keys that it does not know, however often they occur.
                    using var said = JsonDocument.Parse(messages);
                    arrived.Select(static one => (Encoding.UTF8.GetString(one.Channel), Encoding.UTF8.GetString(one.Payload))).Should().Equal(
                        said.RootElement.EnumerateArray().Select(static one => (one.GetProperty("channel").GetString()!, one.GetProperty("data").GetString()!)));
                }
                else
                    arrived.Should().BeEmpty();
            },
            iter: 1_000, time: Fuzz.Seconds, threads: 1, print: Globs.Show);

        output.WriteLine(string.Join(", ", statuses.Select(static pair => $"{pair.Key}: {pair.Value}")));
        statuses.Keys.Should().Contain(200).And.Contain(400);
        await oracle.DisposeAsync();
        await target.Leaks.NothingIsLeftAsync();
    }

    /// <summary>A long run reported these as faults, but Notifier was right.</summary>
    [Theory]
    [InlineData("""[{"data":"\ud83d\ude00","after":true,"channel":"fuzz.kept","after":"x","token":null}]""", 200)]
    [InlineData("""[{"data":"a","data":"b","channel":"fuzz.kept"}]""", 400)]
    public async Task Duplicate_unknown_properties_of_a_message_are_accepted_and_duplicate_known_ones_are_rejected(string messages, int status)
    {
        using var http = new HttpClient();
        using var body = new StringContent(messages);
        using var answer = await http.PostAsync(new Uri(target.App.Address, "/publish"), body);

        ((int)answer.StatusCode).Should().Be(status);
    }

    /// <summary>Everything that Redis has delivered so far, except for Notifier's own messages.</summary>
    private async Task<List<(byte[] Channel, byte[] Payload)>> WhatArrivedAsync(PlainRedisClient oracle)
    {
        var marker = $"marker {++number}";
        await target.Redis.PublishAsync("notifier:marker", marker);
        var arrived = new List<(byte[], byte[])>();
        while (true)
        {
            if (await oracle.ReadAsync() is not [_, _, var channel, var payload])
                continue;
            var name = Encoding.UTF8.GetString(channel);
            if (name == "notifier:marker" && Encoding.UTF8.GetString(payload) == marker)
                return arrived;
            if (!name.StartsWith("notifier:", StringComparison.Ordinal) && !name.StartsWith("__", StringComparison.Ordinal))
                arrived.Add((channel, payload));
        }
    }
}
