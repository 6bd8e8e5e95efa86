using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>
/// A client that subscribes to the plain and the durable name, and records all that it receives. When its connection ends, it reconnects with its positions, as
/// notifier.js does.
/// </summary>
internal sealed class RecordingClient : IAsyncDisposable
{
    private static readonly TimeSpan ReconnectAfter = TimeSpan.FromMilliseconds(100);

    private readonly Func<Uri> node;
    private readonly Func<string?> token;
    private readonly string kind;
    private readonly string[] names;
    private readonly bool isStream;
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private readonly List<Heard>[] heard = [[], []];
    private readonly int[] last = [-1, -1];
    private readonly string?[] positions = new string?[2];
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task reading;
    private int subscribed;
    private volatile int returns;

    /// <param name="node">Returns the address of a node that runs now.</param>
    /// <param name="number">Odd clients subscribe to patterns, even ones to channels.</param>
    /// <param name="isStream">Whether the client opens an event stream instead of a WebSocket.</param>
    /// <param name="token">Returns the token of the client, or null.</param>
    public RecordingClient(Func<Uri> node, int number, bool isStream, Func<string?> token)
    {
        this.node = node;
        this.token = token;
        this.isStream = isStream;
        kind = number % 2 == 0 ? "channel" : "pattern";
        names = number % 2 == 0 ? [Backend.Plain, Backend.Kept] : ["faults.*", "kept.*"];
        Name = $"{(isStream ? "event stream" : "WebSocket")} {number} ({kind})";
        reading = Task.Run(ReadAsync);
    }

    public string Name { get; }

    /// <summary>Completes when both names are subscribed for the first time.</summary>
    public Task Ready => ready.Task;

    /// <summary>How often the client reconnected.</summary>
    public int Returns => returns;

    /// <summary>Why each connection ended.</summary>
    public List<string> Ends { get; } = [];

    /// <summary>Whether the client received the message with that number, or a later one, of the plain (0) or the durable (1) name.</summary>
    public bool HasHeard(int name, int number) => Volatile.Read(ref last[name]) >= number;

    public List<Heard> Heard(int name)
    {
        lock (gate)
            return [.. heard[name]];
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await reading;
        stopping.Dispose();
    }

    private async Task ReadAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await (isStream ? ReadStreamAsync() : ReadSocketAsync());
            }
            catch (Exception error) when (error is IOException or HttpRequestException or InvalidOperationException or OperationCanceledException
                or System.Net.Sockets.SocketException)
            {
                lock (gate)
                    Ends.Add(error.Message);
            }
            if (stopping.IsCancellationRequested)
                return;
            returns++;
            await RealTime.PassesAsync(ReconnectAfter, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadSocketAsync()
    {
        await using var socket = await RawWebSocket.ConnectAsync(
            new UriBuilder(new Uri(node(), "/ws")) { Scheme = "ws" }.Uri,
            headers: $"Sec-WebSocket-Protocol: notifier.v1\r\n{(token() is { } shown ? $"Authorization: Bearer {shown}\r\n" : "")}");
        await using var ending = stopping.Token.Register(socket.Abort);
        for (var name = 0; name < 2; name++)
        {
            var after = positions[name] is { } position ? $",\"after\":\"{position}\"" : "";
            await socket.SendTextAsync($$"""{"type":"subscribe","{{kind}}":"{{names[name]}}"{{after}}}""");
        }
        while (await socket.ReadFrameAsync(TimeSpan.FromMinutes(3)) is { } frame)
        {
            if (frame.Opcode == Frame.CloseOpcode)
                throw new IOException($"{frame.CloseCode} {frame.CloseText}");
            if (frame.Opcode == Frame.TextOpcode)
                Take(frame.Payload);
        }
    }

    private async Task ReadStreamAsync()
    {
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        if (token() is { } shown)
            client.DefaultRequestHeaders.Authorization = new("Bearer", shown);
        var query = string.Join('&', names.Select(name => $"{kind}={name}"));
        var after = positions[0] is null ? "" : string.Concat(positions.Select(position => $"&after={Uri.EscapeDataString(position ?? "")}"));
        using var answer = await client.GetAsync(new Uri(node(), $"/events?{query}{after}"), HttpCompletionOption.ResponseHeadersRead, stopping.Token);
        answer.EnsureSuccessStatusCode();
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(stopping.Token));
        while (await lines.ReadLineAsync(stopping.Token) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                Take(System.Text.Encoding.UTF8.GetBytes(line["data: ".Length..]));
        }
    }

    private void Take(byte[] frame)
    {
        var at = Stopwatch.GetTimestamp();
        using var json = JsonDocument.Parse(frame);
        var said = json.RootElement;
        var type = said.GetProperty("type").GetString();
        if (type is "error")
            throw new InvalidOperationException(said.ToString());
        if (!said.TryGetProperty(kind, out var held))
            return;
        var name = held.ValueEquals(names[0]) ? 0 : 1;
        switch (type)
        {
            case "subscribed":
                // Without a position, the client has nothing to recover.
                if (positions[name] is not null && !(said.TryGetProperty("recovered", out var recovered) && recovered.GetBoolean()))
                    Keep(name, new(Faults.Heard.Gap, at));
                if (Interlocked.Increment(ref subscribed) == 2)
                    ready.TrySetResult();
                break;
            case "gap":
                Keep(name, new(Faults.Heard.Gap, at));
                break;
            case "message":
                var data = said.GetProperty("data").GetString()!;
                var number = int.Parse(data.AsSpan(0, data.IndexOf(' ', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
                Keep(name, new(number, at));
                break;
        }
        if (said.TryGetProperty("position", out var stands))
            positions[name] = stands.GetString();
    }

    private void Keep(int name, Heard one)
    {
        lock (gate)
            heard[name].Add(one);
        if (one.Number > last[name])
            Volatile.Write(ref last[name], one.Number);
    }
}
