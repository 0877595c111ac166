"""More styles of chat templates, in wording of their own: the formats are public, the templates are written here.

mistral-v7  [SYSTEM_PROMPT], [AVAILABLE_TOOLS] before the last user turn, [TOOL_CALLS], [TOOL_RESULTS]
command-r   turns of <|START_OF_TURN_TOKEN|><|…_TOKEN|>…<|END_OF_TURN_TOKEN|>, several named templates in practice
smollm2     ChatML with a default system text
smollm3     ChatML with metadata, custom instructions, tools and an empty <think> block where thinking is off
"""

MISTRAL_V7 = """{%- set default_system = 'Answer briefly.' %}
{%- if messages and messages[0].role == 'system' %}
    {%- set system_text, rest = messages[0].content, messages[1:] %}
{%- else %}
    {%- set system_text, rest = default_system, messages %}
{%- endif %}
{%- set ns = namespace(expect_user=true, last_user=-1) %}
{%- for m in rest %}
    {%- if m.role == 'user' %}{%- set ns.last_user = loop.index0 %}{%- endif %}
    {%- if m.role == 'user' or m.role == 'assistant' and not m.tool_calls %}
        {%- if (m.role == 'user') != ns.expect_user %}
            {{- raise_exception('After the optional system message, roles must alternate') }}
        {%- endif %}
        {%- set ns.expect_user = not ns.expect_user %}
    {%- endif %}
{%- endfor %}
{{- bos_token ~ '[SYSTEM_PROMPT]' ~ system_text ~ '[/SYSTEM_PROMPT]' }}
{%- for m in rest %}
    {%- if m.role == 'user' %}
        {%- if tools is not none and loop.index0 == ns.last_user %}
            {{- '[AVAILABLE_TOOLS]' ~ (tools | tojson) ~ '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if m.content is string %}
            {{- '[INST]' ~ m.content ~ '[/INST]' }}
        {%- else %}
            {{- '[INST]' }}
            {%- for part in m.content %}
                {%- if part.type == 'text' %}{{- part.text }}{%- else %}{{- '[IMG]' }}{%- endif %}
            {%- endfor %}
            {{- '[/INST]' }}
        {%- endif %}
    {%- elif m.tool_calls is defined and m.tool_calls %}
        {{- '[TOOL_CALLS][' }}
        {%- for call in m.tool_calls %}
            {%- if call.id is not defined or call.id | length != 9 %}
                {{- raise_exception('Tool call ids have nine characters') }}
            {%- endif %}
            {%- set written = call.function | tojson %}
            {{- written[:-1] ~ ', "id": "' ~ call.id ~ '"}' ~ (', ' if not loop.last else '') }}
        {%- endfor %}
        {{- ']' ~ eos_token }}
    {%- elif m.role == 'assistant' %}
        {{- m.content ~ eos_token }}
    {%- elif m.role in ('tool', 'tool_results') %}
        {%- set content = m.content.content if m.content.content is defined else m.content %}
        {{- '[TOOL_RESULTS]{"content": ' ~ content ~ ', "call_id": "' ~ m.tool_call_id ~ '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception('Only user, assistant, system and tool messages are written, not ' + m.role) }}
    {%- endif %}
{%- endfor %}"""

COMMAND_R = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set chat = messages[1:] %}{% set said = messages[0]['content'] %}{% elif false == true %}{% set chat = messages %}{% set said = 'Be helpful.' %}{% else %}{% set chat = messages %}{% set said = false %}{% endif %}{% if said != false or tools %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' }}{% if said != false %}{{ said }}{% endif %}{% if tools %}{{ '\\n\\n## Tools\\n' }}{% for tool in tools %}{{ '```python\\ndef ' + tool.function.name + '(' }}{% for name, field in tool.function.parameters.properties.items() %}{{ name + ': ' + {'string': 'str', 'integer': 'int'}.get(field.type, 'object') }}{% if name not in tool.function.parameters.required %}{{ ' = None' }}{% endif %}{% if not loop.last %}, {% endif %}{% endfor %}{{ ') -> List[Dict]:\\n    \"\"\"' ~ tool.function.description ~ '\"\"\"\\n    pass\\n```' }}{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}{% endif %}{{ '<|END_OF_TURN_TOKEN|>' }}{% endif %}{% for message in chat %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) and message['role'] != 'tool' and not tools %}{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}{% if message['role'] == 'user' %}{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + message['content'].strip() + '<|END_OF_TURN_TOKEN|>' }}{% elif message['role'] == 'assistant' %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% if message.tool_calls %}{{ 'Action: ```json\\n' + message.tool_calls | map(attribute='function') | list | tojson(indent=4) + '\\n```' }}{% else %}{{ message['content'].strip() }}{% endif %}{{ '<|END_OF_TURN_TOKEN|>' }}{% elif message['role'] == 'tool' %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|><results>\\n' + message['content'] | string + '\\n</results><|END_OF_TURN_TOKEN|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"""

SMOLLM2 = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You answer questions.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""

SMOLLM3 = """{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}
{%- set mode = '/think' if enable_thinking else '/no_think' -%}
{%- set instructions = '' -%}
{%- if messages[0].role == 'system' -%}
    {%- set text = messages[0].content -%}
    {%- if '/no_think' in text -%}{%- set mode = '/no_think' -%}{%- elif '/think' in text -%}{%- set mode = '/think' -%}{%- endif -%}
    {%- set instructions = text.replace('/no_think', '').replace('/think', '').rstrip() -%}
{%- endif -%}
{{- '<|im_start|>system\\n' -}}
{%- if '/system_override' in instructions -%}
    {{- instructions.replace('/system_override', '').rstrip() -}}{{- '<|im_end|>\\n' -}}
{%- else -%}
    {{- '## Metadata\\n\\nMode: ' + mode + '\\n\\n## Instructions\\n\\n' -}}
    {%- if instructions -%}{{- instructions + '\\n\\n' -}}{%- elif mode == '/think' -%}{{- 'Think first.\\n\\n' -}}{%- else -%}{{- 'Answer at once.\\n\\n' -}}{%- endif -%}
    {%- if xml_tools or python_tools or tools -%}
        {{- '### Tools\\n\\n' -}}
        {%- for tool in xml_tools or tools -%}
            {{- '<tool>' ~ (tool.function | string) ~ '</tool>\\n' -}}
        {%- endfor -%}
    {%- endif -%}
    {{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else '' -%}
    {%- if message.role == 'user' -%}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' -}}
    {%- elif message.role == 'assistant' -%}
        {% generation %}
        {%- if mode == '/think' -%}
            {{- '<|im_start|>assistant\\n' + content.lstrip('\\n') + '<|im_end|>\\n' -}}
        {%- else -%}
            {{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n' + content.lstrip('\\n') + '<|im_end|>\\n' -}}
        {%- endif -%}
        {% endgeneration %}
    {%- elif message.role == 'tool' -%}
        {{- '<|im_start|>user\\n' + content + '<|im_end|>\\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' if mode == '/think' else '<|im_start|>assistant\\n<think>\\n\\n</think>\\n' -}}
{%- endif -%}"""

STYLES = [("mistral-v7", MISTRAL_V7), ("command-r", COMMAND_R), ("smollm2", SMOLLM2), ("smollm3", SMOLLM3)]
