using System.Diagnostics.Metrics;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Mono.Cecil;
using Notifier.Operations;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>Each instrument of Notifier exists before the server starts, and is documented. MetricsTests check what Prometheus then scrapes.</summary>
public sealed class InstrumentsTests
{
    private static readonly string[] Settings = ["--environment=Development", "--Redis:Configuration=127.0.0.1:1", "--urls=http://127.0.0.1:0"];

    [Fact]
    public async Task Each_class_that_creates_instruments_is_created_before_the_server_starts()
    {
        var classes = ClassesThatCreateInstruments();
        var created = new HashSet<Type>();
        var unregistered = new List<Type>();

        await using var app = global::Server.Build(Settings, builder =>
        {
            unregistered.AddRange(classes.Where(type => builder.Services.All(service => service.ServiceType != type)));
            foreach (var type in classes.Except(unregistered))
            {
                builder.Services.AddSingleton(type, provider =>
                {
                    created.Add(type);
                    return ActivatorUtilities.CreateInstance(provider, type);
                });
            }
        });

        classes.Should().HaveCountGreaterThan(3);
        unregistered.Should().BeEmpty("these create instruments: add them as singletons in their folder's Setup.cs");
        classes.Except(created).Should().BeEmpty(
            "OpenTelemetry misses what is counted earlier: {0}.{1} must create these", nameof(Telemetry), nameof(Telemetry.StartTelemetry));
    }

    [Fact]
    public async Task Each_instrument_has_a_row_on_the_operations_page_even_if_nothing_was_measured_yet()
    {
        await using var app = global::Server.Build(Settings);
        var instruments = InstrumentsOf(app).ToList();

        instruments.Should().HaveCountGreaterThan(20);
        instruments.Where(static instrument => !instrument.Meter.Name.StartsWith("Notifier.", StringComparison.Ordinal))
            .Select(static instrument => instrument.Name).Should().BeEmpty("{0} exports only meters whose names begin with \"Notifier.\"", nameof(Telemetry));
        instruments.Select(PrometheusName).Except(await MetricsTests.ListedAsync()).Should().BeEmpty("docs/operations.md, \"Metrics\", must describe each instrument: add rows for these");
    }

    private static List<Type> ClassesThatCreateInstruments()
    {
        var server = typeof(Telemetry).Assembly;
        using var module = ModuleDefinition.ReadModule(server.Location);
        return [.. module.GetTypes().Where(CreatesInstruments).Select(Outermost).Distinct().Select(type => server.GetType(type.FullName, throwOnError: true)!)];
    }

    private static bool CreatesInstruments(TypeDefinition type) => type.Methods.Where(static method => method.HasBody)
        .SelectMany(static method => method.Body.Instructions).Select(static instruction => instruction.Operand).OfType<MethodReference>()
        .Any(static called => called.DeclaringType.FullName == typeof(Meter).FullName && called.Name.StartsWith("Create", StringComparison.Ordinal));

    /// <summary>The compiler puts lambdas and iterators into nested types.</summary>
    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    /// <summary>Those of this application: a process of tests has several.</summary>
    private static List<Instrument> InstrumentsOf(WebApplication app)
    {
        var meters = app.Services.GetRequiredService<IMeterFactory>();
        var instruments = new List<Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Scope == meters && !instrument.Meter.Name.StartsWith("Microsoft.", StringComparison.Ordinal))
                    instruments.Add(instrument);
            },
        };
        listener.Start();
        return instruments;
    }

    /// <summary>OpenTelemetry's rules: underscores for dots, then the unit, then <c>total</c> for what only grows.</summary>
    private static string PrometheusName(Instrument instrument)
    {
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            null or ['{', ..] => "",
            var other => throw new FormatException($"{instrument.Name} has the unit {other}: add its Prometheus suffix here."),
        };
        var isCounter = instrument.GetType().Name.Split('`')[0] is "Counter" or "ObservableCounter";
        return instrument.Name.Replace('.', '_') + unit + (isCounter ? "_total" : "");
    }
}
