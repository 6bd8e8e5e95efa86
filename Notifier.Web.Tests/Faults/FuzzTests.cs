using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using FluentAssertions;
using Notifier.Tests.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Whatever comes, each command has its answer or its close, and the server says of itself only what it should.</summary>
public sealed class FuzzTests(ITestOutputHelper output) : IAsyncLifetime, IDisposable
{
    private static readonly int[] Closes = [1007, 4400, 4403, 4413];

    private RedisServer redis = null!;
    private NotifierApp app = null!;
    private LeakCheck aftermath = null!;
    private RawWebSocket? client;
    private int number;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        app = await Publishing.StartAsync(
            redis.Configuration, ["Redis:Linger=00:00:00", "Limits:CommandsPerSecond=1000000", "Limits:CommandBurst=1000000", "History:Durable:Channels:0=kept.*"]);
        aftermath = new LeakCheck(app, redis);
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    public void Dispose() => aftermath.Dispose();

    [Fact]
    public async Task Any_command_is_answered_once_or_closes_the_connection()
    {
        var (answered, closed) = (0, 0);

        await Fuzz.Command.Array[1, 6].SampleAsync(
            async commands =>
            {
                client ??= await ConnectAsync("notifier.v1");
                if (await AreAnsweredAsync(commands))
                    answered += commands.Length;
                else
                    closed++;
            },
            iter: 1_500, time: Fuzz.Seconds, threads: 1, print: Fuzz.Show);

        output.WriteLine($"{number} times some commands: {answered} answers, {closed} closes.");
        answered.Should().BeGreaterThan(number / 2);
        closed.Should().BeGreaterThan(number / 50);
        if (client is not null)
            (await AreAnsweredAsync([])).Should().BeTrue();      // nothing has been answered twice
        await EndsAsync();
    }

    [Fact]
    public async Task Any_name_is_accepted_or_rejected_in_plain_text()
    {
        var (taken, refused) = (0, 0);

        await Gen.OneOf(Globs.Pattern, Fuzz.Channel).SampleAsync(
            async name =>
            {
                number++;
                client ??= await ConnectAsync();
                await client.SendAsync(Frame.TextOpcode, name);
                await client.SendAsync(Frame.PingOpcode, BitConverter.GetBytes(number));
                Frame frame;
                do
                    frame = await client.ReadFrameAsync() ?? throw new IOException("ended without a close");
                while (frame.Opcode is not (Frame.CloseOpcode or Frame.PongOpcode));
                if (frame.Opcode == Frame.PongOpcode)
                {
                    BitConverter.ToInt32(frame.Payload).Should().Be(number);
                    if (++taken % 10 == 0)
                        await LeaveAsync();     // there is room for so many only
                    return;
                }
                frame.CloseCode.Should().BeOneOf(Closes);
                refused++;
                await LeaveAsync();
            },
            iter: 1_500, time: Fuzz.Seconds, threads: 1, print: Globs.Show);

        output.WriteLine($"{number} names: {taken} taken, {refused} refused.");
        taken.Should().BeGreaterThan(number / 10);
        refused.Should().BeGreaterThan(number / 50);
        await EndsAsync();
    }

    [Fact]
    public async Task Any_message_published_over_http_arrives_byte_for_byte_or_is_rejected_and_nothing_else_arrives()
    {
        var oracle = await PlainRedisClient.ConnectAsync(redis.Port);
        await oracle.SendAsync("PSUBSCRIBE", "*");
        await oracle.ReadAsync();
        using var http = new HttpClient();
        var statuses = new SortedDictionary<int, int>();

        await Gen.Select(Fuzz.Channel, Fuzz.Payload).SampleAsync(
            async (channel, payload) =>
            {
                using var body = new ByteArrayContent(payload);
                using var answer = await http.PostAsync(new Uri(app.Address, $"/publish/{string.Concat(channel.Select(static b => $"%{b:X2}"))}"), body);
                var arrived = await WhatArrivedAsync(oracle);

                var status = (int)answer.StatusCode;
                statuses[status] = statuses.GetValueOrDefault(status) + 1;
                // An address cannot say these two: who makes it takes them for ways (RFC 3986, 5.2.4), to /publish/ and to /.
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
        await aftermath.NothingIsLeftAsync();
    }

    /// <summary>Found by an hour of fuzzing.</summary>
    [Fact]
    public async Task A_channel_that_a_url_cannot_express_can_be_published_in_a_body()
    {
        await using var listener = await JsonClient.ConnectAsync(app);
        await listener.SubscribeAsync("channel", "..");
        using var http = new HttpClient();

        using var body = new StringContent("""[{"channel":"..","data":"here"}]""");
        using var inBody = await http.PostAsync(new Uri(app.Address, "/publish"), body);
        using var again = new StringContent("here");
        using var inAddress = await http.PostAsync(new Uri(app.Address, "/publish/%2E%2E"), again);

        inBody.StatusCode.Should().Be(System.Net.HttpStatusCode.OK);
        inAddress.StatusCode.Should().Be(System.Net.HttpStatusCode.UpgradeRequired, "it is the address /");
        ((string?)(await listener.ReadAsync())["data"]).Should().Be("here");
    }

    [Fact]
    public async Task A_batch_with_any_body_is_published_completely_or_not_at_all()
    {
        var oracle = await PlainRedisClient.ConnectAsync(redis.Port);
        await oracle.SendAsync("PSUBSCRIBE", "*");
        await oracle.ReadAsync();
        using var http = new HttpClient();
        var statuses = new SortedDictionary<int, int>();

        await Fuzz.Messages.SampleAsync(
            async messages =>
            {
                using var body = new ByteArrayContent(messages);
                using var answer = await http.PostAsync(new Uri(app.Address, "/publish"), body);
                var arrived = await WhatArrivedAsync(oracle);

                var status = (int)answer.StatusCode;
                statuses[status] = statuses.GetValueOrDefault(status) + 1;
                status.Should().BeOneOf(200, 400, 403);
                if (status == 200)
                {
                    // Not a JsonNode, which takes no key twice: what the server does not know it passes over, however often it is there.
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
        await aftermath.NothingIsLeftAsync();
    }

    /// <summary>What a long run has found odd, and is right.</summary>
    [Theory]
    [InlineData("""[{"data":"\ud83d\ude00","after":true,"channel":"fuzz.kept","after":"x","token":null}]""", 200)]
    [InlineData("""[{"data":"a","data":"b","channel":"fuzz.kept"}]""", 400)]
    public async Task Duplicate_unknown_properties_of_a_message_are_accepted_and_duplicate_known_ones_are_rejected(string messages, int status)
    {
        using var http = new HttpClient();
        using var body = new StringContent(messages);
        using var answer = await http.PostAsync(new Uri(app.Address, "/publish"), body);

        ((int)answer.StatusCode).Should().Be(status);
    }

    private Task<RawWebSocket> ConnectAsync(string? subprotocol = null) => RawWebSocket.ConnectAsync(
        app.WebSocketAddress(), headers: subprotocol is null ? "" : $"Sec-WebSocket-Protocol: {subprotocol}\r\n");

    /// <summary>
    /// Reads until all that was sent is answered. A name is confirmed when Redis has confirmed it, so that its answer may come later than
    /// others; one answer too many is found with the next commands.
    /// </summary>
    /// <returns>False when the server has closed instead.</returns>
    private async Task<bool> AreAnsweredAsync(byte[][] commands)
    {
        var end = $"end-{++number}";
        byte[][] all = [.. commands, Encoding.UTF8.GetBytes($$"""{"type":"ping","id":"{{end}}"}""")];
        await client!.SendRawAsync([.. all.SelectMany(static command => RawWebSocket.Masked(Frame.TextOpcode, command))]);
        var (answers, isEnd) = (0, false);
        try
        {
            while (!isEnd || answers < commands.Length)
            {
                var frame = await client.ReadFrameAsync() ?? throw new IOException("The server has ended the connection without a close.");
                if (frame.Opcode == Frame.CloseOpcode)
                {
                    frame.CloseCode.Should().BeOneOf(Closes);
                    await LeaveAsync();
                    return false;
                }
                if (frame.Opcode == Frame.PingOpcode)
                    continue;
                var said = JsonNode.Parse(frame.Text)!.AsObject();
                var type = (string)said["type"]!;
                type.Should().BeOneOf("welcome", "ping", "subscribed", "unsubscribed", "pong", "error");
                if (type == "pong" && said["id"] is JsonValue id && id.TryGetValue(out string? text) && text == end)
                    isEnd = true;
                else if (type is not ("welcome" or "ping"))
                    answers++;
            }
            answers.Should().Be(commands.Length);
            return true;
        }
        catch (IOException error) when (error.InnerException is System.Net.Sockets.SocketException)
        {
            // What is not UTF-8 ends the connection at once, and what was sent after it makes that a reset, which the close may not survive.
            await LeaveAsync();
            return false;
        }
        catch
        {
            await LeaveAsync();     // or the search for a smaller input would find what is left of this one
            throw;
        }
    }

    /// <summary>All that Redis has delivered until now, but for what is ours.</summary>
    private async Task<List<(byte[] Channel, byte[] Payload)>> WhatArrivedAsync(PlainRedisClient oracle)
    {
        var marker = $"marker {++number}";
        await redis.PublishAsync("notifier:marker", marker);
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

    private async Task LeaveAsync()
    {
        if (client is null)
            return;
        client.Abort();
        await client.DisposeAsync();
        client = null;
    }

    private async Task EndsAsync()
    {
        await LeaveAsync();
        await aftermath.NothingIsLeftAsync();
    }
}
